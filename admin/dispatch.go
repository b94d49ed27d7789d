package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// serve is fasthttp's way in: it answers one request.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	begin := s.o.Now()
	method, path := string(ctx.Method()), string(ctx.URI().PathOriginal())
	m := find(s.routes, method, path)
	second := secondGeneration(path)
	a := s.dispatch(ctx, method, m, second)
	send(ctx, a)

	name := "unknown"
	if m.route != nil {
		name = m.route.pattern
	}
	took := s.o.Now().Sub(begin)
	s.count(method, name, a.status, took)
	if a.cause != nil {
		s.o.Log.Error("admin: request failed", "method", method, "route", name, "status", a.status, "error", a.cause)
		return
	}
	s.o.Log.Debug("admin: request", "method", method, "route", name, "status", a.status, "took", took)
}

// dispatch lets a request through to its route, or says why not. A panic below it is a 500.
func (s *Server) dispatch(ctx *fasthttp.RequestCtx, method string, m match, second bool) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			a = fault(second, http.StatusInternalServerError, "The gateway failed; its log says more.").
				because(fmt.Errorf("admin: panic: %v\n%s", v, debug.Stack()))
		}
	}()
	switch {
	case m.allowed == "":
		return fault(second, http.StatusNotFound, "There is nothing at this path.")
	case method == http.MethodOptions:
		return noContent().with("Allow", m.allowed)
	case m.route == nil:
		return fault(second, http.StatusMethodNotAllowed, "The method %s is not allowed here; these are: %s.", method,
			m.allowed).with("Allow", m.allowed)
	}
	by, refused := s.admit(m.route, ctx)
	if refused != nil {
		return *refused
	}
	query, refused := readQuery(m.route, ctx.QueryArgs())
	if refused != nil {
		return *refused
	}
	within, cancel := context.WithTimeout(s.base, s.o.StoreTimeout)
	defer cancel()
	return m.route.do(s, request{
		ctx: within, by: by, variables: m.variables, query: query, body: ctx.Request.Body(),
		unpacks: ctx.Request.Header.HasAcceptEncoding("gzip"),
	})
}

// admit checks the caller's right; refused is nil when the request may go on.
func (s *Server) admit(r *route, ctx *fasthttp.RequestCtx) (by caller, refused *answer) {
	if r.needs == open {
		return caller{}, nil
	}
	h := &ctx.Request.Header
	authorization := h.Peek("Authorization")
	by = s.users.identify(authorization)
	if len(authorization) > 0 { // without credentials nothing is being guessed
		if wait := s.failures.judge(addressOf(ctx), by.known, s.o.Now()); wait > 0 {
			a := tooMany(r.second(), wait)
			return caller{}, &a
		}
	}
	var a answer
	switch {
	case !by.known:
		if len(authorization) > 0 {
			s.wrong.Inc()
		}
		a = unauthorized(r.second())
	case r.needs == write && !by.admin:
		a = forbidden(r.second())
	case r.needs == write && fromElsewhere(h):
		a = fault(r.second(), http.StatusForbidden, "A page of another origin may not change anything here.")
	default:
		return by, nil
	}
	return by, &a
}

func addressOf(ctx *fasthttp.RequestCtx) netip.Addr {
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

// limitBody keeps the bodies of callers small whose credentials are missing or wrong: they are answered 401 anyway,
// and should not be able to make the gateway hold memory. While somebody is guessing, everybody's are: fasthttp does
// not say whose header it is, and waiting for a body would tell a refused address that its credentials are right.
func (s *Server) limitBody(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if !s.failures.guessing(s.o.Now()) && s.users.identify(h.Peek("Authorization")).known {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: min(maxStrangerBody, s.o.MaxBody)}
}

// refuse answers what fasthttp could not read as a request. fasthttp closes the connection afterwards.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	var a answer
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		a = s.tooLarge(ctx)
	case errors.As(err, &small):
		a = message(http.StatusRequestHeaderFieldsTooLarge, "The request line and headers are larger than %d bytes.",
			maxHeaderBytes)
	case errors.As(err, &network) && network.Timeout():
		a = message(http.StatusRequestTimeout, "The request did not arrive within %s.", s.o.ReadTimeout)
	default:
		a = message(http.StatusBadRequest, "This is not a valid HTTP request.")
	}
	if a.status != http.StatusRequestTimeout {
		lingerOn(ctx.Conn())
	}
	send(ctx, a)
	s.count("", "unreadable", a.status, 0)
}

// tooLarge answers a body that was not read, unless the caller had no right to send one.
func (s *Server) tooLarge(ctx *fasthttp.RequestCtx) answer {
	path := string(ctx.URI().PathOriginal())
	m := find(s.routes, string(ctx.Method()), path)
	if m.route != nil {
		by, refused := s.admit(m.route, ctx)
		if refused != nil {
			return *refused
		}
		if n := ctx.Request.Header.ContentLength(); by.known && n >= 0 && n <= s.o.MaxBody {
			return tooMany(m.route.second(), time.Duration(s.failures.burst)*s.failures.period)
		}
	}
	return fault(secondGeneration(path), http.StatusRequestEntityTooLarge, "The body is larger than %d bytes.", s.o.MaxBody)
}

// send writes an answer into fasthttp's response.
func send(ctx *fasthttp.RequestCtx, a answer) {
	r := &ctx.Response
	r.Reset()
	r.SetStatusCode(a.status)
	r.Header.Set("Server", "postern")
	r.Header.Set("Cache-Control", "no-store")
	r.Header.Set("X-Content-Type-Options", "nosniff")
	for _, h := range a.headers {
		r.Header.Set(h.name, h.value)
	}
	if a.contentType != "" {
		r.Header.SetContentType(a.contentType)
		r.SetBodyRaw(a.body)
	}
}

// count keeps the server's own metrics. Every label is out of a closed set, so that no caller can make series.
func (s *Server) count(method, route string, status int, took time.Duration) {
	switch method {
	case "", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS":
	default:
		method = "other"
	}
	s.counters.GetOrCreateCounter(fmt.Sprintf(
		`gateway_admin_requests_total{method=%q,route=%q,status="%d"}`, method, route, status)).Inc()
	s.counters.GetOrCreateFloatCounter(fmt.Sprintf(
		`gateway_admin_request_seconds_sum{route=%q}`, route)).Add(took.Seconds())
	s.counters.GetOrCreateCounter(fmt.Sprintf(
		`gateway_admin_request_seconds_count{route=%q}`, route)).Inc()
}

// httpLog takes what fasthttp itself has to say. A connection that ended badly is everyday, and goes to debug without
// fasthttp's words, which may quote the request: a misspelt Authorization header would end up in the log.
type httpLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (l httpLog) Printf(format string, a ...any) {
	if strings.HasPrefix(format, "error when serving connection") {
		l.log.Debug("admin: a connection ended with a request that could not be read or answered")
		return
	}
	l.log.Warn("admin: " + fmt.Sprintf(format, a...))
}
