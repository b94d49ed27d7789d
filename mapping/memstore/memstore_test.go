package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/memstore"
)

func TestStore(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	var store mapping.Store = s
	if err := store.Ready(); err != nil {
		t.Fatal(err)
	}
	m := mapping.Mapping{Username: "alice", Principal: "CN=alice"}
	if err := s.Create(ctx, m); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, m); !errors.Is(err, mapping.ErrExists) {
		t.Errorf("second Create: %v", err)
	}
	_, err := s.Put(ctx, mapping.Mapping{Username: "bob", Principal: "CN=alice"})
	var conflict *mapping.ConflictError
	if !errors.Is(err, mapping.ErrConflict) || !errors.As(err, &conflict) || conflict.Holder.Username != "alice" {
		t.Errorf("taking a principal: %v", err)
	}
	if _, err := s.Put(ctx, mapping.Mapping{Username: "alice", Principal: "CN=alice", VCluster: "blue"}); !errors.Is(err, mapping.ErrConflict) {
		t.Errorf("the same username in another vcluster: %v", err)
	}
	var field *mapping.FieldError
	if _, err := s.Put(ctx, mapping.Mapping{}); !errors.As(err, &field) {
		t.Errorf("empty mapping: %v", err)
	}
	if created, err := s.Put(ctx, mapping.Mapping{Username: "alice", Principal: "CN=new"}); created || err != nil {
		t.Errorf("update: created %v, %v", created, err)
	}
	if _, ok := s.Users().Lookup("CN=alice"); ok {
		t.Error("the old principal still resolves")
	}
	if created, err := s.Put(ctx, mapping.Mapping{Username: "bob", Principal: "CN=alice"}); !created || err != nil {
		t.Errorf("taking a free principal: created %v, %v", created, err)
	}
	if st := s.Stats(); st.Mappings != 2 || st.Shadowed != 0 {
		t.Errorf("stats %+v", st)
	}
	if err := s.Delete(ctx, "", "alice"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, "passthrough", "alice"); !errors.Is(err, mapping.ErrNotFound) {
		t.Errorf("second Delete: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Create(cancelled, m); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, m); !errors.Is(err, mapping.ErrClosed) || !errors.Is(s.Ready(), mapping.ErrClosed) {
		t.Errorf("closed: %v, %v", err, s.Ready())
	}
}

// TestOneOfManyGetsThePrincipal: however many ask at once, over and over.
func TestOneOfManyGetsThePrincipal(t *testing.T) {
	const principals = 500
	s := memstore.New()
	var got atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for p := range principals {
				err := s.Create(t.Context(), mapping.Mapping{Username: fmt.Sprint(p, "-", i), Principal: fmt.Sprint("CN=", p)})
				switch {
				case err == nil:
					got.Add(1)
				case !errors.Is(err, mapping.ErrConflict):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != principals || s.Users().Shadowed() != 0 {
		t.Errorf("%d got one of %d, %d shadowed", got.Load(), principals, s.Users().Shadowed())
	}
}

func TestDenyList(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	d := mapping.Denial{Fingerprint: mapping.Fingerprint{1}, Reason: "lost"}
	for _, want := range []bool{true, false} {
		if created, err := s.Deny(ctx, d); err != nil || created != want {
			t.Errorf("created %v, %v; want %v", created, err, want)
		}
	}
	if !s.DenyList().Contains(d.Fingerprint) || s.Stats().Denied != 1 {
		t.Error("not denied")
	}
	var field *mapping.FieldError
	if _, err := s.Deny(ctx, mapping.Denial{Reason: "\n"}); !errors.As(err, &field) {
		t.Errorf("an invalid reason: %v", err)
	}
	if err := s.Allow(ctx, d.Fingerprint); err != nil {
		t.Error(err)
	}
	if err := s.Allow(ctx, d.Fingerprint); !errors.Is(err, mapping.ErrNotDenied) {
		t.Errorf("taken off twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deny(ctx, d); !errors.Is(err, mapping.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestResources walks through accounts, groups and virtual clusters: dry first,
// which must answer alike and leave nothing behind.
func TestResources(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	var store mapping.Store = s
	loc := mapping.Account{VCluster: "blue", Username: "loc", Type: mapping.Local}
	group := mapping.Group{Name: "g", Members: []mapping.Member{{VCluster: "blue", Username: "loc"}}}
	steps := []struct {
		what string
		do   func(mapping.Write) (mapping.Outcome, error)
		want mapping.Outcome
		err  error
	}{
		{"account before its vcluster", func(w mapping.Write) (mapping.Outcome, error) { return store.PutAccount(ctx, loc, w) }, 0, mapping.ErrNoVClusterResource},
		{"vcluster", func(w mapping.Write) (mapping.Outcome, error) {
			return store.PutVCluster(ctx, mapping.VCluster{Name: "blue"}, w)
		}, mapping.Created, nil},
		{"group before its member", func(w mapping.Write) (mapping.Outcome, error) { return store.PutGroup(ctx, group, w) }, 0, mapping.ErrNoMember},
		{"account", func(w mapping.Write) (mapping.Outcome, error) { return store.PutAccount(ctx, loc, w) }, mapping.Created, nil},
		{"account again", func(w mapping.Write) (mapping.Outcome, error) { return store.PutAccount(ctx, loc, w) }, mapping.NotChanged, nil},
		{"group", func(w mapping.Write) (mapping.Outcome, error) { return store.PutGroup(ctx, group, w) }, mapping.Created, nil},
		{"account in use", func(w mapping.Write) (mapping.Outcome, error) {
			return 0, store.DeleteAccount(ctx, "blue", "loc", w)
		}, 0, mapping.ErrAccountInUse},
		{"vcluster in use", func(w mapping.Write) (mapping.Outcome, error) { return 0, store.DeleteVCluster(ctx, "blue", w) }, 0, mapping.ErrVClusterInUse},
		{"group gone", func(w mapping.Write) (mapping.Outcome, error) { return 0, store.DeleteGroup(ctx, "g", w) }, 0, nil},
		{"group not found", func(w mapping.Write) (mapping.Outcome, error) { return 0, store.DeleteGroup(ctx, "x", w) }, 0, mapping.ErrNotFound},
		{"account gone", func(w mapping.Write) (mapping.Outcome, error) {
			return 0, store.DeleteAccount(ctx, "blue", "loc", w)
		}, 0, nil},
		{"vcluster gone", func(w mapping.Write) (mapping.Outcome, error) { return 0, store.DeleteVCluster(ctx, "blue", w) }, 0, nil},
	}
	for _, step := range steps {
		before := s.Stats()
		if o, err := step.do(mapping.Write{Dry: true}); o != step.want || !errors.Is(err, step.err) || s.Stats() != before {
			t.Errorf("%s, dry: %v, %v; want %v, %v; %+v became %+v", step.what, o, err, step.want, step.err, before, s.Stats())
		}
		if o, err := step.do(mapping.Write{}); o != step.want || !errors.Is(err, step.err) {
			t.Errorf("%s: %v, %v; want %v, %v", step.what, o, err, step.want, step.err)
		}
	}
	if st := s.Stats(); st != (mapping.StoreStats{}) || store.Groups().Len()+store.VClusters().Len() != 0 {
		t.Errorf("left behind: %+v", st)
	}
}
