package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// postMapping makes a mapping at a gateway and expects to be told so.
func (g *gateway) postMapping(t *testing.T, username string) {
	t.Helper()
	status, body, err := g.call(t.Context(), http.MethodPost, "/admin/userMappings/v1", map[string]any{"username": username})
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusCreated || strings.TrimSpace(string(body)) != `{"message":"User mapping is created"}` {
		t.Fatalf("gateway %s answered the mapping of %s with %d: %s", g.name, username, status, body)
	}
}

// awaitMapping waits until a gateway knows a mapping, or until it does not.
func (g *gateway) awaitMapping(t *testing.T, username string, known bool, limit time.Duration) {
	t.Helper()
	await(t, fmt.Sprintf("gateway %s knows %s: %t", g.name, username, known), limit, func(ctx context.Context) error {
		status, body, err := g.call(ctx, http.MethodGet, "/admin/userMappings/v1/username/"+username, nil)
		if err != nil {
			return err
		}
		if (status == http.StatusOK) != known {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
}

// testMappings makes mappings at one gateway, sees them at the other within a
// second, takes them away there, and restarts both in between.
func testMappings(t *testing.T, s *stage) {
	for i := range 20 {
		name := fmt.Sprintf("user-%d", i)
		s.one.postMapping(t, name)
		s.two.awaitMapping(t, name, true, time.Second)
	}
	status, _, err := s.two.call(t.Context(), http.MethodDelete, "/admin/userMappings/v1/username/user-0", nil)
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("delete: status %d, %v; want 204", status, err)
	}
	s.one.awaitMapping(t, "user-0", false, time.Second)
	for _, g := range []*gateway{s.one, s.two} {
		g.stop(t)
		g.start(t)
		g.awaitReady(t)
		// Ready means read to the end: no waiting here.
		g.awaitMapping(t, "user-19", true, time.Second)
		g.awaitMapping(t, "user-0", false, time.Second)
	}
	testMappingTakesEffect(t, s)
}

// testMappingTakesEffect maps the client's own name at one gateway: its next
// connection at the other is that user's, as the line at its end says. A second
// user of the same name is refused.
func testMappingTakesEffect(t *testing.T, s *stage) {
	mapping := map[string]any{"username": "orders", "principal": "CN=alice"}
	status, body, err := s.one.call(t.Context(), http.MethodPost, "/admin/userMappings/v1", mapping)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("mapping of CN=alice: status %d, %v: %s", status, err, body)
	}
	s.two.awaitMapping(t, "orders", true, time.Second)
	if err := askVersions(t, s.two.bootstrap(), s.tls); err != nil {
		t.Fatal(err)
	}
	await(t, "the log names the user", patience, func(context.Context) error {
		log, err := os.ReadFile(s.two.log)
		if err != nil {
			return err
		}
		if !strings.Contains(string(log), " user=orders ") {
			return errors.New("it does not")
		}
		return nil
	})
	mapping["username"] = "rival"
	status, body, err = s.two.call(t.Context(), http.MethodPost, "/admin/userMappings/v1", mapping)
	if err != nil || status != http.StatusConflict {
		t.Errorf("a second user for CN=alice: status %d, %v: %s; want 409", status, err, body)
	}
}
