package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
	// The version of the Prometheus text format, which scrapers look for.
	typeMetrics = "text/plain; version=0.0.4; charset=utf-8"
)

// notice tells what no body can in a 204, and what the body of a 201 is not free to say.
const notice = "takes effect at the next connection of the principal"

// answer is what a route's function returns: a whole response, free of any HTTP library.
type answer struct {
	status      int
	contentType string // "" when there is no body
	body        []byte
	headers     []header
	cause       error // for the log, when the gateway or its store is at fault
}

type header struct{ name, value string }

func (a answer) with(name, value string) answer {
	a.headers = append(a.headers, header{name, value})
	return a
}

func (a answer) because(err error) answer {
	a.cause = err
	return a
}

// inJSON answers with v as JSON, without a newline at its end. v is made of strings, maps, slices and structs of
// this package: encoding it cannot fail.
func inJSON(status int, v any) answer {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // distinguished names may hold <, > and &
	if err := e.Encode(v); err != nil {
		return answer{status: http.StatusInternalServerError}.because(err)
	}
	return answer{status: status, contentType: typeJSON, body: bytes.TrimSuffix(b.Bytes(), []byte{'\n'})}
}

// message is the body of every error, and of a created mapping.
func message(status int, format string, a ...any) answer {
	return inJSON(status, struct {
		Message string `json:"message"`
	}{fmt.Sprintf(format, a...)})
}

func text(status int, body string) answer {
	return answer{status: status, contentType: typeText, body: []byte(body)}
}

func noContent() answer { return answer{status: http.StatusNoContent} }

func unauthorized() answer {
	return answer{status: http.StatusUnauthorized}.with("WWW-Authenticate", `Basic realm="postern"`)
}

// tooMany answers an address from which too many wrong credentials came.
func tooMany(wait time.Duration) answer {
	seconds := int((wait + time.Second - 1) / time.Second)
	return message(http.StatusTooManyRequests,
		"Too many wrong credentials came from this address: try again in %d s.", seconds).
		with("Retry-After", strconv.Itoa(seconds))
}

func forbidden() answer {
	return message(http.StatusForbidden,
		"You do not have permission to call this API, please contact your administrator.")
}
