module example.org/clientlibraries

go 1.23.0

require (
	github.com/ory/hydra-client-go/v2 v2.2.1
	golang.org/x/oauth2 v0.30.0
)
