// Package person signs a person in and out: the test sends the person's browser where it is told, and says where that ended.
package person

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Nobody serves these; the browser's way ends there.
const (
	RedirectURI  = "http://127.0.0.1:9/callback"
	LoggedOutURI = "http://127.0.0.1:9/goodbye"
)

// Subject is who logs in.
const Subject = "person-1"

// Arrival is where a way ended.
type Arrival struct {
	URL   string   `json:"url"`
	Asked []string `json:"asked"`
}

// Parameter is a query parameter that came along.
func (arrival Arrival) Parameter(name string) string {
	parsed, err := url.Parse(arrival.URL)
	Check(err == nil, err)
	return parsed.Query().Get(name)
}

// RegisterApp registers an application that signs people in; an empty secret makes a public one.
func RegisterApp(id, secret, method string) {
	client := map[string]any{
		"client_id":                  id,
		"client_name":                "An app",
		"token_endpoint_auth_method": method,
		"grant_types":                []string{"authorization_code", "refresh_token"},
		"response_types":             []string{"code"},
		"redirect_uris":              []string{RedirectURI},
		"post_logout_redirect_uris":  []string{LoggedOutURI},
		"scope":                      "openid offline_access profile",
	}
	if secret != "" {
		client["client_secret"] = secret
	}
	body, err := json.Marshal(client)
	Check(err == nil, err)
	response, err := http.Post(os.Getenv("ADMIN_URL")+"/admin/clients", "application/json", strings.NewReader(string(body)))
	Check(err == nil && response.StatusCode == http.StatusCreated, fmt.Sprint(response, err))
}

// Follow goes the way to its end; the person says yes to everything.
func Follow(start string) Arrival { return send("follow", start) }

// Walk goes the way up to its end or the first question.
func Walk(start string) Arrival { return send("walk", start) }

func send(how, start string) Arrival {
	query := url.Values{"url": {start}}
	response, err := http.Get(os.Getenv("PERSON_URL") + "/" + how + "?" + query.Encode())
	Check(err == nil, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	Check(err == nil && response.StatusCode == http.StatusOK, string(body), err)
	var arrival Arrival
	Check(json.Unmarshal(body, &arrival) == nil, string(body))
	return arrival
}

// Check ends the program unless the condition holds.
func Check(holds bool, what ...any) {
	if !holds {
		log.Panic(what...)
	}
}
