package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
	"github.com/postern-kafka/postern/mapping"
)

const (
	denylist = "/admin/tls/denylist/v1"
	print1   = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
	print2   = "ff1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

func (s *store) Deny(ctx context.Context, d mapping.Denial) (bool, error) {
	if err := s.caught(ctx, "deny"); err != nil {
		return false, err
	}
	return s.Store.Deny(ctx, d)
}

func (s *store) Allow(ctx context.Context, f mapping.Fingerprint) error {
	if err := s.caught(ctx, "allow"); err != nil {
		return err
	}
	return s.Store.Allow(ctx, f)
}

func TestDenyList(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	g := start(t, func(o *admin.Options) { o.Now = func() time.Time { return now } })
	row := func(f, reason string) string {
		return fmt.Sprintf(`{"fingerprint":%q,"reason":%q,"by":"admin","since":"2026-11-22T09:30:00Z"}`, f, reason)
	}
	for _, step := range []struct {
		method, path, body string
		status             int
		want, notice       string
	}{
		{"GET", denylist, "", 200, "[]", ""},
		{"POST", denylist, `{"fingerprint":"` + print2 + `"}`, 201, messageBody("The certificate is denied"), "being ended"},
		{"POST", denylist, `{"fingerprint":"` + strings.ToUpper(print1) + `","reason":null}`, 201, messageBody("The certificate is denied"), "being ended"},
		{"POST", denylist, `{"fingerprint":"` + print1 + `","reason":"<lost>"}`, 204, "", "being ended"},
		{"GET", denylist, "", 200, "[" + row(print1, "<lost>") + "," + row(print2, "") + "]", ""},
		{"GET", denylist + "/" + strings.ToUpper(print1), "", 200, row(print1, "<lost>"), ""},
		{"DELETE", denylist + "/" + print1, "", 204, "", "next connection"},
		{"DELETE", denylist + "/" + print1, "", 404, messageBody("The certificate %s is not on the deny-list.", print1), ""},
		{"GET", denylist + "/" + print1, "", 404, messageBody("The certificate %s is not on the deny-list.", print1), ""},
		{"GET", denylist, "", 200, "[" + row(print2, "") + "]", ""},
	} {
		r := g.ask(step.method, step.path, boss, step.body)
		if r.status != step.status || r.body != step.want || !strings.Contains(r.header.Get("X-Postern-Notice"), step.notice) {
			t.Errorf("%s %s %s: %d %s %q\nwant %d %s", step.method, step.path, step.body, r.status, r.body,
				r.header.Get("X-Postern-Notice"), step.status, step.want)
		}
	}
	for _, want := range []string{"certificate denied", "certificate allowed again", "fingerprint=" + print1, "by=admin"} {
		if !strings.Contains(g.log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, g.log)
		}
	}
}

func TestDenialsThatAreRefused(t *testing.T) {
	g := start(t, nil)
	const digits = "must be the SHA-256 of a certificate: 64 hexadecimal digits, colons between them or not"
	for body, want := range map[string]string{
		"":                                     `the body is empty: a JSON object with the field "fingerprint" is expected`,
		"{}":                                   `field "fingerprint": required`,
		`{"reason":"x"}`:                       `field "fingerprint": required`,
		`{"fingerprint":"` + print1[1:] + `"}`: `field "fingerprint": ` + digits,
		`{"fingerprint":7}`:                    `field "fingerprint": must be a string, not a number`,
		`{"Fingerprint":"` + print1 + `"}`:     `field "Fingerprint": unknown`,
		`{"fingerprint":"` + print1 + `","reason":"\u0000"}`:                            `field "reason": control character at byte 0`,
		`{"fingerprint":"` + print1 + `","reason":"` + strings.Repeat("x", 1025) + `"}`: `field "reason": 1025 bytes long, at most 1024 allowed`,
		`{"fingerprint":"` + print1 + `","fingerprint":"` + print1 + `"}`:               `field "fingerprint": given twice`,
		`{"fingerprint":"` + print1 + `"} x`:                                            "the body goes on after the JSON object, at byte 83",
		"\xff":                                                                          "the body is not valid UTF-8",
	} {
		quoted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if r := g.ask("POST", denylist, boss, body); r.status != 400 || r.body != `{"message":`+string(quoted)+`}` {
			t.Errorf("%s: %d %s\nwant %s", body, r.status, r.body, quoted)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		if r := g.ask(method, denylist+"/abc", boss, ""); r.status != 400 || r.body != messageBody("The fingerprint in the path %s.", digits) {
			t.Errorf("%s: %d %s", method, r.status, r.body)
		}
	}
	if n := g.store.DenyList().Len(); n != 0 {
		t.Errorf("%d certificates denied", n)
	}
}

func TestDenyListOfAStoreInTrouble(t *testing.T) {
	g := start(t, nil)
	body := `{"fingerprint":"` + print1 + `"}`
	g.store.set(errors.New("reading"), nil)
	for _, call := range [][2]string{{"GET", denylist}, {"POST", denylist}, {"GET", denylist + "/" + print1}, {"DELETE", denylist + "/" + print1}} {
		if r := g.ask(call[0], call[1], boss, body); r.status != 503 || r.header.Get("Retry-After") != "1" {
			t.Errorf("%v: %d %s", call, r.status, r.body)
		}
	}
	for fault, status := range map[error]int{
		mapping.ErrListFull: 507, errors.New("broken"): 503, context.DeadlineExceeded: 503, mapping.ErrNotReady: 503,
	} {
		g.store.set(nil, func(context.Context, string) error { return fault })
		if r := g.ask("POST", denylist, boss, body); r.status != status {
			t.Errorf("%v: %d %s", fault, r.status, r.body)
		}
		if r := g.ask("DELETE", denylist+"/"+print1, boss, ""); r.status != 503 {
			t.Errorf("%v: %d %s", fault, r.status, r.body)
		}
	}
}
