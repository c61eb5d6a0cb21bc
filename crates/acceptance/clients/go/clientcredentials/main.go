// Command clientcredentials takes tokens with golang.org/x/oauth2, which first tries Basic and remembers what worked.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// The reserved characters tell whether both sides form-encode Basic credentials (RFC 6749 2.3.1).
const secret = "some secret: 100% + /?&=é"

func main() {
	log.SetFlags(log.Lshortfile)
	public := os.Getenv("PUBLIC_URL")
	styles := map[string]oauth2.AuthStyle{
		"client_secret_basic": oauth2.AuthStyleInHeader,
		"client_secret_post":  oauth2.AuthStyleInParams,
	}
	for method, style := range styles {
		register("go-"+method, method)
		for _, style := range []oauth2.AuthStyle{style, oauth2.AuthStyleAutoDetect} {
			config := clientcredentials.Config{
				ClientID:     "go-" + method,
				ClientSecret: secret,
				TokenURL:     public + "/oauth2/token",
				Scopes:       []string{"read", "write"},
				AuthStyle:    style,
			}
			token, err := config.Token(context.Background())
			check(err == nil, method, ": ", err)
			check(token.Valid() && token.Type() == "Bearer" && token.Expiry.After(time.Now()), token)
			check(token.Extra("scope") == "read write", "scope: ", token.Extra("scope"))

			config.ClientSecret = "wrong"
			_, err = config.Token(context.Background())
			var refusal *oauth2.RetrieveError
			check(errors.As(err, &refusal), "a wrong secret is refused: ", err)
			check(refusal.ErrorCode == "invalid_client" && refusal.Response.StatusCode == 401, refusal)
		}
	}
}

func register(id, method string) {
	client, err := json.Marshal(map[string]any{
		"client_id": id, "client_secret": secret, "token_endpoint_auth_method": method,
		"grant_types": []string{"client_credentials"}, "scope": "read write",
	})
	check(err == nil, err)
	response, err := http.Post(os.Getenv("ADMIN_URL")+"/admin/clients", "application/json", strings.NewReader(string(client)))
	check(err == nil && response.StatusCode == http.StatusCreated, fmt.Sprint(response, err))
}

func check(holds bool, what ...any) {
	if !holds {
		log.Panic(what...)
	}
}
