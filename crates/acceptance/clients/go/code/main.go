// Command code signs a person in with golang.org/x/oauth2 and github.com/coreos/go-oidc/v3, refreshes, and signs out.
package main

import (
	"context"
	"errors"
	"log"
	"net/url"
	"os"
	"slices"
	"time"

	"example.org/clientlibraries/person"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var check = person.Check

func main() {
	log.SetFlags(log.Lshortfile)
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("PUBLIC_URL"))
	check(err == nil, err)
	walk(provider, "client_secret_basic", "some secret: 100% + /?&=é", oauth2.AuthStyleInHeader)
	walk(provider, "client_secret_post", "some secret: 100% + /?&=é", oauth2.AuthStyleAutoDetect)
	walk(provider, "none", "", oauth2.AuthStyleInParams)
}

func walk(provider *oidc.Provider, method, secret string, style oauth2.AuthStyle) {
	ctx := context.Background()
	id := "app-" + method
	person.RegisterApp(id, secret, method)
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = style
	config := oauth2.Config{
		ClientID:     id,
		ClientSecret: secret,
		Endpoint:     endpoint,
		RedirectURL:  person.RedirectURI,
		Scopes:       []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "profile"},
	}
	token, idToken, asked := signIn(ctx, provider, &config)
	check(slices.Equal(asked, []string{"login", "consent"}), asked)
	check(token.Type() == "Bearer" && token.Expiry.After(time.Now()), token)
	userinfo, err := provider.UserInfo(ctx, config.TokenSource(ctx, token))
	check(err == nil && userinfo.Subject == person.Subject, err)
	var claims struct {
		Department string `json:"department"`
	}
	check(userinfo.Claims(&claims) == nil && claims.Department == "tests", claims)

	// The library refreshes what has expired.
	expired := *token
	expired.Expiry = time.Now().Add(-time.Minute)
	refreshed, err := config.TokenSource(ctx, &expired).Token()
	check(err == nil && refreshed.AccessToken != token.AccessToken, err)
	check(refreshed.RefreshToken != token.RefreshToken, "the refresh token is rotated")
	raw, _ := refreshed.Extra("id_token").(string)
	again, err := provider.Verifier(&oidc.Config{ClientID: id}).Verify(ctx, raw)
	check(err == nil && again.Subject == idToken.Subject, err)

	second, _, asked := signIn(ctx, provider, &config)
	check(slices.Equal(asked, []string{"login skipped", "consent skipped"}), asked)
	signOut(provider, second)
	silent := person.Follow(config.AuthCodeURL("some-state", oauth2.SetAuthURLParam("prompt", "none")))
	check(silent.Parameter("error") == "login_required", silent)

	_, err = config.Exchange(ctx, "no-such-code", oauth2.VerifierOption(oauth2.GenerateVerifier()))
	var refusal *oauth2.RetrieveError
	check(errors.As(err, &refusal) && refusal.ErrorCode == "invalid_grant", err)
}

func signIn(ctx context.Context, provider *oidc.Provider, config *oauth2.Config) (*oauth2.Token, *oidc.IDToken, []string) {
	verifier, state, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	arrival := person.Follow(config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	check(arrival.Parameter("state") == state, arrival)
	token, err := config.Exchange(ctx, arrival.Parameter("code"), oauth2.VerifierOption(verifier))
	check(err == nil, err)
	raw, _ := token.Extra("id_token").(string)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	check(err == nil, err)
	check(idToken.Nonce == nonce && idToken.Subject == person.Subject, idToken)
	check(idToken.VerifyAccessToken(token.AccessToken) == nil, "at_hash")
	return token, idToken, arrival.Asked
}

func signOut(provider *oidc.Provider, token *oauth2.Token) {
	var document struct {
		EndSession string `json:"end_session_endpoint"`
	}
	check(provider.Claims(&document) == nil && document.EndSession != "", document)
	raw, _ := token.Extra("id_token").(string)
	query := url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {person.LoggedOutURI}}
	gone := person.Follow(document.EndSession + "?" + query.Encode())
	check(gone.URL == person.LoggedOutURI, gone)
}
