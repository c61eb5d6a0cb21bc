// Command ory walks through the reference server's own SDK: clients, tokens and metadata at the /admin/... paths.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"regexp"

	"example.org/clientlibraries/person"
	"example.org/clientlibraries/sdk"
	ory "github.com/ory/hydra-client-go/v2"
)

var check = person.Check

func main() {
	log.SetFlags(log.Lshortfile)
	ctx := context.Background()
	admin, public := sdk.At("ADMIN_URL"), sdk.At("PUBLIC_URL")

	for _, port := range []*ory.APIClient{admin, public} {
		alive := sdk.Must(port.MetadataAPI.IsAlive(ctx).Execute())
		ready := sdk.Must(port.MetadataAPI.IsReady(ctx).Execute())
		check(alive.GetStatus() == "ok" && ready.GetStatus() == "ok", "health")
	}
	check(sdk.Must(admin.MetadataAPI.GetVersion(ctx).Execute()).GetVersion() != "", "version")

	id, secret := walkClients(ctx, admin.OAuth2API)
	walkPages(ctx, admin.OAuth2API)
	walkTokens(ctx, admin.OAuth2API, public.OAuth2API, id, secret)

	keys := sdk.Must(public.WellknownAPI.DiscoverJsonWebKeys(ctx).Execute()).GetKeys()
	check(len(keys) > 0 && keys[0].D == nil, "published keys")

	sdk.Done(admin.OAuth2API.DeleteOAuth2Client(ctx, id).Execute())
	_, response, err := admin.OAuth2API.GetOAuth2Client(ctx, id).Execute()
	check(err != nil && response.StatusCode == http.StatusNotFound, "the client is gone")
}

func walkClients(ctx context.Context, api ory.OAuth2API) (id, secret string) {
	wanted := ory.NewOAuth2Client()
	wanted.SetClientName("machine one")
	wanted.SetGrantTypes([]string{"client_credentials"})
	wanted.SetScope("read write")
	wanted.SetAudience([]string{"https://api.example.org"})
	wanted.SetMetadata(map[string]any{"tier": 3})
	created := sdk.Must(api.CreateOAuth2Client(ctx).OAuth2Client(*wanted).Execute())
	id, secret = created.GetClientId(), created.GetClientSecret()
	check(id != "" && secret != "" && !created.GetCreatedAt().IsZero(), "what the server adds")

	read := sdk.Must(api.GetOAuth2Client(ctx, id).Execute())
	check(!read.HasClientSecret() && read.GetScope() == "read write", "what is read back")
	read.SetClientName("machine two")
	set := sdk.Must(api.SetOAuth2Client(ctx, id).OAuth2Client(*read).Execute())
	check(set.GetClientName() == "machine two", "set")

	rename := ory.NewJsonPatch("replace", "/client_name")
	rename.SetValue("machine three")
	patched := sdk.Must(api.PatchOAuth2Client(ctx, id).JsonPatch([]ory.JsonPatch{*rename}).Execute())
	check(patched.GetClientName() == "machine three" && len(patched.GetAudience()) == 1, "patch")

	lifespans := ory.NewOAuth2ClientTokenLifespans()
	lifespans.SetClientCredentialsGrantAccessTokenLifespan("10m")
	spanned := sdk.Must(api.SetOAuth2ClientLifespans(ctx, id).OAuth2ClientTokenLifespans(*lifespans).Execute())
	check(spanned.GetClientCredentialsGrantAccessTokenLifespan() == "10m0s", "lifespan")
	return id, secret
}

var next = regexp.MustCompile(`page_token=([^&>]+)[^>]*>; ?rel="next"`)

func walkPages(ctx context.Context, api ory.OAuth2API) {
	for number := range 4 {
		client := ory.NewOAuth2Client()
		client.SetClientId(fmt.Sprintf("page-%d", number))
		client.SetOwner("pages")
		sdk.Must(api.CreateOAuth2Client(ctx).OAuth2Client(*client).Execute())
	}
	seen := map[string]int{}
	request := api.ListOAuth2Clients(ctx).PageSize(2)
	for {
		page, response, err := request.Execute()
		check(err == nil && len(page) <= 2, "page: ", err)
		for _, client := range page {
			seen[client.GetClientId()]++
		}
		following := next.FindStringSubmatch(response.Header.Get("Link"))
		if following == nil {
			break
		}
		token, err := url.QueryUnescape(following[1])
		check(err == nil, "page token: ", err)
		request = request.PageToken(token)
	}
	check(len(seen) == 5, "each client is on a page: ", seen)
	for id, times := range seen {
		check(times == 1, id, " is on one page only")
	}
	check(len(sdk.Must(api.ListOAuth2Clients(ctx).Owner("pages").Execute())) == 4, "owner filter")
}

func walkTokens(ctx context.Context, admin, public ory.OAuth2API, id, secret string) {
	machine := context.WithValue(ctx, ory.ContextBasicAuth, ory.BasicAuth{UserName: id, Password: secret})
	take := func() *ory.OAuth2TokenExchange {
		return sdk.Must(public.Oauth2TokenExchange(machine).GrantType("client_credentials").Execute())
	}
	introspect := func(answer *ory.OAuth2TokenExchange) *ory.IntrospectedOAuth2Token {
		return sdk.Must(admin.IntrospectOAuth2Token(ctx).Token(answer.GetAccessToken()).Execute())
	}

	first := take()
	check(first.GetTokenType() == "bearer" && first.GetExpiresIn() <= 600, "token answer")
	facts := introspect(first)
	check(facts.Active && facts.GetClientId() == id && facts.GetTokenUse() == "access_token", "introspection")
	sdk.Done(public.RevokeOAuth2Token(machine).Token(first.GetAccessToken()).Execute())
	check(!introspect(first).Active, "revoked")

	second := take()
	check(introspect(second).Active, "a second token")
	sdk.Done(admin.DeleteOAuth2Token(ctx).ClientId(id).Execute())
	check(!introspect(second).Active, "all tokens of the client deleted")

	stranger := context.WithValue(ctx, ory.ContextBasicAuth, ory.BasicAuth{UserName: id, Password: "wrong"})
	_, response, err := public.Oauth2TokenExchange(stranger).GrantType("client_credentials").Execute()
	check(err != nil && response.StatusCode == http.StatusUnauthorized, "a wrong secret is refused")
}
