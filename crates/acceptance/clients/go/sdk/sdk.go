// Package sdk calls the reference server's own SDK, and ends the program with all that is known of a call that fails.
package sdk

import (
	"fmt"
	"log"
	"net/http"
	"os"

	ory "github.com/ory/hydra-client-go/v2"
)

// At is a client of the port whose URL is in this variable.
func At(variable string) *ory.APIClient {
	configuration := ory.NewConfiguration()
	configuration.Servers = ory.ServerConfigurations{{URL: os.Getenv(variable)}}
	return ory.NewAPIClient(configuration)
}

// Must is the value of a call that has to succeed.
func Must[T any](value T, response *http.Response, err error) T {
	Done(response, err)
	return value
}

// Done ends the program, with what the server said, unless the call succeeded.
func Done(response *http.Response, err error) {
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
