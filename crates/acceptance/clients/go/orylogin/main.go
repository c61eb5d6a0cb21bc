// Command orylogin is a login and consent app by the reference server's own SDK: discovery, login, consent, sessions, logout, and the refusals.
package main

import (
	"context"
	"log"
	"net/url"
	"os"

	"example.org/clientlibraries/person"
	"example.org/clientlibraries/sdk"
	ory "github.com/ory/hydra-client-go/v2"
)

const (
	subject = "someone@example.org"
	secret  = "some-long-secret"
)

var check = person.Check

func main() {
	log.SetFlags(log.Lshortfile)
	app := app{ctx: context.Background(), admin: sdk.At("ADMIN_URL"), public: sdk.At("PUBLIC_URL")}
	app.document = sdk.Must(app.public.OidcAPI.DiscoverOidcConfiguration(app.ctx).Execute())
	check(app.document.AuthorizationEndpoint == os.Getenv("PUBLIC_URL")+"/oauth2/auth", "discovery")
	person.RegisterApp("app", secret, "client_secret_basic")
	last := app.walkSessions()
	app.walkLogout(last)
	app.walkRefusals()
}

type app struct {
	ctx           context.Context
	admin, public *ory.APIClient
	document      *ory.OidcConfiguration
}

func (app app) walkSessions() *ory.OAuth2TokenExchange {
	first := app.consent(app.login(app.begin(), false), false)
	check(first.GetIdToken() != "" && first.GetRefreshToken() != "", "tokens")
	asPerson := context.WithValue(app.ctx, ory.ContextAccessToken, first.GetAccessToken())
	info := sdk.Must(app.public.OidcAPI.GetOidcUserInfo(asPerson).Execute())
	check(info.GetSub() == subject && info.AdditionalProperties["team"] == "blue", "userinfo")
	exchange := app.public.OAuth2API.Oauth2TokenExchange(app.asClient()).GrantType("refresh_token")
	refreshed := sdk.Must(exchange.ClientId("app").RefreshToken(first.GetRefreshToken()).Execute())
	check(app.isActive(refreshed), "refreshed")

	sessions := sdk.Must(app.admin.OAuth2API.ListOAuth2ConsentSessions(app.ctx).Subject(subject).Execute())
	check(len(sessions) == 1 && sessions[0].ConsentRequest.Client.GetClientId() == "app", sessions)
	check(len(sessions[0].GrantScope) == 3 && sessions[0].GetRemember(), sessions)
	second := app.consent(app.login(app.begin(), true), true)
	sdk.Done(app.admin.OAuth2API.RevokeOAuth2ConsentSessions(app.ctx).Subject(subject).Client("app").Execute())
	check(!app.isActive(refreshed) && !app.isActive(second), "tokens end with the consent")
	return app.consent(app.login(app.begin(), true), false)
}

func (app app) walkLogout(token *ory.OAuth2TokenExchange) {
	query := url.Values{"id_token_hint": {token.GetIdToken()}, "post_logout_redirect_uri": {person.LoggedOutURI}}
	asked := person.Walk(app.document.GetEndSessionEndpoint() + "?" + query.Encode())
	challenge := asked.Parameter("logout_challenge")
	request := sdk.Must(app.admin.OAuth2API.GetOAuth2LogoutRequest(app.ctx).LogoutChallenge(challenge).Execute())
	check(request.GetSubject() == subject && request.GetRpInitiated(), "logout request")
	accepted := sdk.Must(app.admin.OAuth2API.AcceptOAuth2LogoutRequest(app.ctx).LogoutChallenge(challenge).Execute())
	check(person.Walk(accepted.RedirectTo).URL == person.LoggedOutURI, "logged out")
	app.consent(app.login(app.begin(), false), true)
	sdk.Done(app.admin.OAuth2API.RevokeOAuth2LoginSessions(app.ctx).Subject(subject).Execute())
}

func (app app) walkRefusals() {
	refusal := ory.NewRejectOAuth2Request()
	refusal.SetError("access_denied")
	refusal.SetErrorDescription("not today")
	login := app.begin().Parameter("login_challenge")
	api := app.admin.OAuth2API
	refused := sdk.Must(api.RejectOAuth2LoginRequest(app.ctx).LoginChallenge(login).RejectOAuth2Request(*refusal).Execute())
	check(person.Walk(refused.RedirectTo).Parameter("error") == "access_denied", "login refused")
	consent := app.login(app.begin(), false).Parameter("consent_challenge")
	request := api.RejectOAuth2ConsentRequest(app.ctx).ConsentChallenge(consent)
	refused = sdk.Must(request.RejectOAuth2Request(*refusal).Execute())
	check(person.Walk(refused.RedirectTo).Parameter("error") == "access_denied", "consent refused")
}

func (app app) begin() person.Arrival {
	query := url.Values{
		"client_id": {"app"}, "redirect_uri": {person.RedirectURI}, "response_type": {"code"},
		"scope": {"openid offline_access profile"}, "state": {"some-state"}, "nonce": {"some-nonce"},
	}
	return person.Walk(app.document.AuthorizationEndpoint + "?" + query.Encode())
}

func (app app) login(arrival person.Arrival, wasKnown bool) person.Arrival {
	challenge := arrival.Parameter("login_challenge")
	request := sdk.Must(app.admin.OAuth2API.GetOAuth2LoginRequest(app.ctx).LoginChallenge(challenge).Execute())
	check(request.Skip == wasKnown && request.Client.GetClientName() == "An app", "login request")
	accept := ory.NewAcceptOAuth2LoginRequest(subject)
	accept.SetRemember(true)
	accept.SetRememberFor(3600)
	call := app.admin.OAuth2API.AcceptOAuth2LoginRequest(app.ctx).LoginChallenge(challenge)
	return person.Walk(sdk.Must(call.AcceptOAuth2LoginRequest(*accept).Execute()).RedirectTo)
}

func (app app) consent(arrival person.Arrival, wasKnown bool) *ory.OAuth2TokenExchange {
	challenge := arrival.Parameter("consent_challenge")
	request := sdk.Must(app.admin.OAuth2API.GetOAuth2ConsentRequest(app.ctx).ConsentChallenge(challenge).Execute())
	check(request.GetSkip() == wasKnown && request.GetSubject() == subject, "consent request")
	session := ory.NewAcceptOAuth2ConsentRequestSession()
	session.SetIdToken(map[string]any{"team": "blue"})
	accept := ory.NewAcceptOAuth2ConsentRequest()
	accept.SetGrantScope(request.GetRequestedScope())
	accept.SetRemember(true)
	accept.SetRememberFor(3600)
	accept.SetSession(*session)
	call := app.admin.OAuth2API.AcceptOAuth2ConsentRequest(app.ctx).ConsentChallenge(challenge)
	end := person.Walk(sdk.Must(call.AcceptOAuth2ConsentRequest(*accept).Execute()).RedirectTo)
	check(end.Parameter("state") == "some-state", end)
	exchange := app.public.OAuth2API.Oauth2TokenExchange(app.asClient()).GrantType("authorization_code")
	return sdk.Must(exchange.ClientId("app").Code(end.Parameter("code")).RedirectUri(person.RedirectURI).Execute())
}

func (app app) asClient() context.Context {
	return context.WithValue(app.ctx, ory.ContextBasicAuth, ory.BasicAuth{UserName: "app", Password: secret})
}

func (app app) isActive(answer *ory.OAuth2TokenExchange) bool {
	return sdk.Must(app.admin.OAuth2API.IntrospectOAuth2Token(app.ctx).Token(answer.GetAccessToken()).Execute()).Active
}
