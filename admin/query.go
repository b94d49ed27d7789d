package admin

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/valyala/fasthttp"
)

var (
	showDefaults = parameter{
		"showDefaults", "Whether fields are shown that have their default value.", aBoolean().byDefault(false),
	}
	dryMode = parameter{
		"dryMode", "Whether everything is only checked, and answered as it would be, without a change.", aBoolean().byDefault(false),
	}
)

// filter is a parameter that has to be equal.
func filter(name, what string) parameter { return parameter{name, what, aString()} }

// readQuery takes a row's parameters from a query string. The second generation refuses what it does not know, so that
// a misspelt dryMode does not write; the first has always taken no notice.
func readQuery(r *route, args *fasthttp.Args) (said map[string]string, refused *answer) {
	if !r.second() {
		return nil, nil
	}
	said = make(map[string]string)
	for k, v := range args.All() {
		name, value := string(k), string(v)
		if problem := checkParameter(r.query, said, name, value); problem != "" {
			a := undecoded(fmt.Sprintf("query parameter %s (%s)", shorten(name), problem))
			return nil, &a
		}
		said[name] = value
	}
	return said, nil
}

// checkParameter says what is wrong with a parameter, or "".
func checkParameter(known []parameter, said map[string]string, name, value string) string {
	if _, twice := said[name]; twice {
		return "given twice"
	}
	for _, p := range known {
		if p.name != name {
			continue
		}
		if p.schema["type"] == "boolean" && value != "true" && value != "false" {
			return "must be true or false"
		}
		if pattern, is := p.schema["pattern"].(string); is && !regexp.MustCompile(pattern).MatchString(value) {
			return p.what
		}
		return ""
	}
	return "unknown"
}

// undecoded is the second generation's answer to a body or query that it cannot read.
func undecoded(what string) answer { return text(http.StatusBadRequest, "Invalid value for: "+what) }
