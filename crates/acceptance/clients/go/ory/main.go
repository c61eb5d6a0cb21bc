// Command ory walks through the reference server's own SDK: clients, tokens and metadata at the /admin/... paths.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"regexp"

	ory "github.com/ory/hydra-client-go/v2"
)

func main() {
	log.SetFlags(log.Lshortfile)
	ctx := context.Background()
	admin, public := at("ADMIN_URL"), at("PUBLIC_URL")

	for _, port := range []*ory.APIClient{admin, public} {
		alive := must(port.MetadataAPI.IsAlive(ctx).Execute())
		ready := must(port.MetadataAPI.IsReady(ctx).Execute())
		check(alive.GetStatus() == "ok" && ready.GetStatus() == "ok", "health")
	}
	check(must(admin.MetadataAPI.GetVersion(ctx).Execute()).GetVersion() != "", "version")

	id, secret := walkClients(ctx, admin.OAuth2API)
	walkPages(ctx, admin.OAuth2API)
	walkTokens(ctx, admin.OAuth2API, public.OAuth2API, id, secret)

	keys := must(public.WellknownAPI.DiscoverJsonWebKeys(ctx).Execute()).GetKeys()
	check(len(keys) > 0 && keys[0].D == nil, "published keys")

	done(admin.OAuth2API.DeleteOAuth2Client(ctx, id).Execute())
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
	created := must(api.CreateOAuth2Client(ctx).OAuth2Client(*wanted).Execute())
	id, secret = created.GetClientId(), created.GetClientSecret()
	check(id != "" && secret != "" && !created.GetCreatedAt().IsZero(), "what the server adds")

	read := must(api.GetOAuth2Client(ctx, id).Execute())
	check(!read.HasClientSecret() && read.GetScope() == "read write", "what is read back")
	read.SetClientName("machine two")
	set := must(api.SetOAuth2Client(ctx, id).OAuth2Client(*read).Execute())
	check(set.GetClientName() == "machine two", "set")

	rename := ory.NewJsonPatch("replace", "/client_name")
	rename.SetValue("machine three")
	patched := must(api.PatchOAuth2Client(ctx, id).JsonPatch([]ory.JsonPatch{*rename}).Execute())
	check(patched.GetClientName() == "machine three" && len(patched.GetAudience()) == 1, "patch")

	lifespans := ory.NewOAuth2ClientTokenLifespans()
	lifespans.SetClientCredentialsGrantAccessTokenLifespan("10m")
	spanned := must(api.SetOAuth2ClientLifespans(ctx, id).OAuth2ClientTokenLifespans(*lifespans).Execute())
	check(spanned.GetClientCredentialsGrantAccessTokenLifespan() == "10m0s", "lifespan")
	return id, secret
}

var next = regexp.MustCompile(`page_token=([^&>]+)[^>]*>; ?rel="next"`)

func walkPages(ctx context.Context, api ory.OAuth2API) {
	for number := range 4 {
		client := ory.NewOAuth2Client()
		client.SetClientId(fmt.Sprintf("page-%d", number))
		client.SetOwner("pages")
		must(api.CreateOAuth2Client(ctx).OAuth2Client(*client).Execute())
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
	check(len(must(api.ListOAuth2Clients(ctx).Owner("pages").Execute())) == 4, "owner filter")
}

func walkTokens(ctx context.Context, admin, public ory.OAuth2API, id, secret string) {
	machine := context.WithValue(ctx, ory.ContextBasicAuth, ory.BasicAuth{UserName: id, Password: secret})
	take := func() *ory.OAuth2TokenExchange {
		return must(public.Oauth2TokenExchange(machine).GrantType("client_credentials").Execute())
	}
	introspect := func(answer *ory.OAuth2TokenExchange) *ory.IntrospectedOAuth2Token {
		return must(admin.IntrospectOAuth2Token(ctx).Token(answer.GetAccessToken()).Execute())
	}

	first := take()
	check(first.GetTokenType() == "bearer" && first.GetExpiresIn() <= 600, "token answer")
	facts := introspect(first)
	check(facts.Active && facts.GetClientId() == id && facts.GetTokenUse() == "access_token", "introspection")
	done(public.RevokeOAuth2Token(machine).Token(first.GetAccessToken()).Execute())
	check(!introspect(first).Active, "revoked")

	second := take()
	check(introspect(second).Active, "a second token")
	done(admin.DeleteOAuth2Token(ctx).ClientId(id).Execute())
	check(!introspect(second).Active, "all tokens of the client deleted")

	stranger := context.WithValue(ctx, ory.ContextBasicAuth, ory.BasicAuth{UserName: id, Password: "wrong"})
	_, response, err := public.Oauth2TokenExchange(stranger).GrantType("client_credentials").Execute()
	check(err != nil && response.StatusCode == http.StatusUnauthorized, "a wrong secret is refused")
}

func at(variable string) *ory.APIClient {
	configuration := ory.NewConfiguration()
	configuration.Servers = ory.ServerConfigurations{{URL: os.Getenv(variable)}}
	return ory.NewAPIClient(configuration)
}

// must is the value of a call that has to succeed.
func must[T any](value T, response *http.Response, err error) T {
	done(response, err)
	return value
}

func done(response *http.Response, err error) {
	if err == nil {
		return
	}
	request := "no answer"
	if response != nil {
		request = fmt.Sprint(response.Request.Method, " ", response.Request.URL, ": ", response.Status)
	}
	if detailed, ok := err.(*ory.GenericOpenAPIError); ok {
		log.Panic(request, ": ", err, ": ", string(detailed.Body()))
	}
	log.Panic(request, ": ", err)
}

func check(holds bool, what ...any) {
	if !holds {
		log.Panic(what...)
	}
}
