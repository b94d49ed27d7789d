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

// problemJSON is an error of the API's second generation.
type problemJSON struct {
	Title string `json:"title"`
	Msg   string `json:"msg,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// titles are what an error of the second generation starts with.
var titles = map[int]string{
	http.StatusBadRequest:            "The request is not valid",
	http.StatusUnauthorized:          "The given credentials are not valid",
	http.StatusForbidden:             noPermission,
	http.StatusNotFound:              "The searched entity was not found",
	http.StatusMethodNotAllowed:      "The method is not allowed here",
	http.StatusConflict:              "The request conflicts with what there is",
	http.StatusRequestEntityTooLarge: "The request is too large",
	http.StatusTooManyRequests:       "Too many wrong credentials",
	http.StatusInternalServerError:   "An unexpected error occurred in the server",
	http.StatusNotImplemented:        "This gateway does not do that",
	http.StatusServiceUnavailable:    "The store cannot do that now",
	http.StatusInsufficientStorage:   "The store is full",
}

// problem is the body of every error of the second generation but those of decoding.
func problem(status int, format string, a ...any) answer {
	return inJSON(status, problemJSON{Title: titles[status], Msg: fmt.Sprintf(format, a...)})
}

// fault is the body of an error in the shape of a generation.
func fault(second bool, status int, format string, a ...any) answer {
	if second {
		return problem(status, format, a...)
	}
	return message(status, format, a...)
}

const noPermission = "You do not have permission to call this API, please contact your administrator."

func unauthorized(second bool) answer {
	a := answer{status: http.StatusUnauthorized}
	if second {
		a = problem(http.StatusUnauthorized, "")
	}
	return a.with("WWW-Authenticate", `Basic realm="postern"`)
}

func forbidden(second bool) answer {
	if second {
		return problem(http.StatusForbidden, "")
	}
	return message(http.StatusForbidden, noPermission)
}

// tooMany answers an address from which too many wrong credentials came.
func tooMany(second bool, wait time.Duration) answer {
	seconds := int((wait + time.Second - 1) / time.Second)
	return fault(second, http.StatusTooManyRequests,
		"Too many wrong credentials came from this address: try again in %d s.", seconds).
		with("Retry-After", strconv.Itoa(seconds))
}
