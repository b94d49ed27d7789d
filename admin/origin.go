package admin

import (
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"
)

// fromElsewhere recognises a request that a page of another origin makes a browser send. The browser adds the
// credentials it remembers, and as no Content-Type is asked for, it would not ask us first. Programs that are no
// browsers send neither header.
func fromElsewhere(h *fasthttp.RequestHeader) bool {
	if site := h.Peek("Sec-Fetch-Site"); len(site) > 0 {
		return string(site) != "same-origin" && string(site) != "none"
	}
	origin := h.Peek("Origin")
	if len(origin) == 0 {
		return false
	}
	u, err := url.Parse(string(origin))
	return err != nil || !strings.EqualFold(u.Host, string(h.Host()))
}
