package kafkastore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/kafkastore"
)

func member(vcluster, username string) mapping.Member {
	return mapping.Member{VCluster: vcluster, Username: username}
}

func scram(mechanism string) []mapping.ScramRecord {
	return []mapping.ScramRecord{{
		Mechanism: mechanism, Iterations: 4096, Salt: []byte("salt"), StoredKey: []byte("stored"), ServerKey: []byte("server"),
	}}
}

func outcome(t testing.TB, want mapping.Outcome) func(mapping.Outcome, error) {
	return func(got mapping.Outcome, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Fatalf("%v, %v; want %v", got, err, want)
		}
	}
}

// agree tells whether stores hold the same, after each has caught up.
func agree(t testing.TB, stores ...*kafkastore.Store) {
	t.Helper()
	for _, s := range stores {
		barrier(t, s)
	}
	for _, s := range stores {
		barrier(t, s)
		for _, pair := range [][2]any{
			{s.Users().Accounts(mapping.Filter{}), stores[0].Users().Accounts(mapping.Filter{})},
			{s.Groups().All(), stores[0].Groups().All()},
			{s.VClusters().All(), stores[0].VClusters().All()},
			{s.DenyList().All(), stores[0].DenyList().All()},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("stores disagree:\n%+v\n%+v", pair[0], pair[1])
			}
		}
	}
}

// TestResourcesAreSharedAndSurvive: what one gateway declares, the other may
// refer to at once, and who starts after a compaction reads all of it.
func TestResourcesAreSharedAndSurvive(t *testing.T) {
	c := cluster(t)
	a, _ := open(t, c.ListenAddrs(), nil)
	b, _ := open(t, c.ListenAddrs(), nil)
	ctx, w := testContext(t), mapping.Write{}
	local := mapping.Account{VCluster: "blue", Username: "loc", Type: mapping.Local, Scram: scram("SCRAM-SHA-256")}
	external := mapping.Account{VCluster: "blue", Username: "CN=x", Principals: []string{"CN=1", "CN=2"}}
	group := mapping.Group{Name: "g", Members: []mapping.Member{member("blue", "loc")}, ExternalGroups: []string{"/staff"}}

	outcome(t, mapping.Created)(a.PutVCluster(ctx, mapping.VCluster{Name: "blue"}, w))
	outcome(t, mapping.Created)(b.PutAccount(ctx, local, w))
	outcome(t, mapping.Created)(a.PutGroup(ctx, group, w))
	outcome(t, mapping.Created)(b.PutAccount(ctx, external, w))
	outcome(t, mapping.NotChanged)(a.PutAccount(ctx, external, w))
	group.Members = append(group.Members, member("blue", "CN=x"))
	outcome(t, mapping.Updated)(b.PutGroup(ctx, group, w))
	outcome(t, mapping.Created)(b.PutVCluster(ctx, mapping.VCluster{Name: "red", ACLEnabled: true, SuperUsers: []string{"CN=a,O=b"}}, w))
	check(t, a.Create(ctx, mapping.Mapping{VCluster: "implicit", Username: "old"}))
	for _, tc := range []struct {
		what string
		err  error
		want error
	}{
		{"a vcluster with accounts", b.DeleteVCluster(ctx, "blue", w), mapping.ErrVClusterInUse},
		{"an account in a group", a.DeleteAccount(ctx, "blue", "loc", w), mapping.ErrAccountInUse},
		{"a mapping in a group", b.Delete(ctx, "blue", "CN=x"), mapping.ErrAccountInUse},
		{"no group", b.DeleteGroup(ctx, "h", w), mapping.ErrNotFound},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.what, tc.err, tc.want)
		}
	}
	agree(t, a, b)
	c.Compact()
	fresh, log := open(t, c.ListenAddrs(), nil)
	agree(t, a, b, fresh)
	if n, _ := log.count("record skipped"); n != 0 {
		t.Errorf("%d records skipped", n)
	}
	if st := fresh.Stats(); st.Groups != 1 || st.VClusters != 2 || st.Locals != 1 || st.Mappings != 4 || st.Lag != 0 {
		t.Errorf("stats %+v", st)
	}
	if _, vc, ok := fresh.Users().Scram("loc", "SCRAM-SHA-256"); !ok || vc != "blue" {
		t.Errorf("the credential is of %q, %v", vc, ok)
	}
	user, err := fresh.Users().Resolve(mapping.Auth{Principal: "CN=2", Groups: []string{"/staff"}}, true)
	if err != nil || user.Username != "CN=x" || !reflect.DeepEqual(user.Groups, []string{"g", "/staff"}) {
		t.Errorf("CN=2 is %+v, %v", user, err)
	}
	check(t, fresh.DeleteGroup(ctx, "g", w))
	check(t, a.DeleteAccount(ctx, "blue", "loc", w))
	check(t, b.Delete(ctx, "blue", "CN=x"))
	check(t, fresh.DeleteVCluster(ctx, "blue", w))
	agree(t, a, b, fresh)
}

// TestDryWritesWriteNothing: and answer as the real ones do, without taking the
// right to write from another gateway.
func TestDryWritesWriteNothing(t *testing.T) {
	c := cluster(t)
	writer, _ := open(t, c.ListenAddrs(), nil)
	dry, _ := open(t, c.ListenAddrs(), nil)
	ctx, w := testContext(t), mapping.Write{Dry: true}
	outcome(t, mapping.Created)(writer.PutVCluster(ctx, mapping.VCluster{Name: "blue"}, mapping.Write{}))
	before := dry.Stats().Records
	outcome(t, mapping.Created)(dry.PutAccount(ctx, mapping.Account{VCluster: "blue", Username: "u"}, w))
	outcome(t, mapping.Created)(dry.PutGroup(ctx, mapping.Group{Name: "g"}, w))
	outcome(t, mapping.Updated)(dry.PutVCluster(ctx, mapping.VCluster{Name: "blue", ACLEnabled: true, SuperUsers: []string{"u"}}, w))
	check(t, dry.DeleteVCluster(ctx, "blue", w))
	if _, err := dry.PutAccount(ctx, mapping.Account{VCluster: "red", Username: "u"}, w); !errors.Is(err, mapping.ErrNoVClusterResource) {
		t.Errorf("account of no vcluster: %v", err)
	}
	if err := dry.DeleteAccount(ctx, "", "u", w); !errors.Is(err, mapping.ErrNotFound) {
		t.Errorf("deletion of nobody: %v", err)
	}
	outcome(t, mapping.Created)(writer.PutAccount(ctx, mapping.Account{VCluster: "blue", Username: "u"}, mapping.Write{}))
	agree(t, writer, dry)
	if n := writer.Stats().Fenced; n != 0 || dry.Stats().Records < before {
		t.Errorf("the writer was fenced %d times", n)
	}
}

// contend has eight writers at two stores do what excludes each other.
func contend(t *testing.T, ctx context.Context, stores [2]*kafkastore.Store, rounds int) {
	t.Helper()
	both := func(a, b func() error) (errA, errB error) {
		var wg sync.WaitGroup
		wg.Go(func() { errA = a() })
		wg.Go(func() { errB = b() })
		wg.Wait()
		return errA, errB
	}
	t.Run("one of a deletion and a reference", func(t *testing.T) {
		wins := map[bool]int{}
		for i := range rounds {
			name := fmt.Sprint("ref-", i)
			outcome(t, mapping.Created)(stores[i%2].PutAccount(ctx, mapping.Account{Username: name}, mapping.Write{}))
			gone, put := both(
				func() error { return stores[0].DeleteAccount(ctx, "", name, mapping.Write{}) },
				func() error {
					_, err := stores[1].PutGroup(ctx, mapping.Group{Name: name, Members: []mapping.Member{member("", name)}}, mapping.Write{})
					return err
				})
			switch {
			case gone == nil && errors.Is(put, mapping.ErrNoMember):
			case put == nil && errors.Is(gone, mapping.ErrAccountInUse):
			default:
				t.Fatalf("round %d: deletion %v, group %v", i, gone, put)
			}
			wins[gone == nil]++
		}
		t.Logf("the deletion won %d times, the reference %d", wins[true], wins[false])
	})
	t.Run("one of two accounts has the principal", func(t *testing.T) {
		for i := range rounds {
			claim := func(s *kafkastore.Store, name string) func() error {
				return func() error {
					_, err := s.PutAccount(ctx, mapping.Account{Username: name, Principals: []string{fmt.Sprint("CN=both-", i)}}, mapping.Write{})
					return err
				}
			}
			a, b := both(claim(stores[0], fmt.Sprint("a-", i)), claim(stores[1], fmt.Sprint("b-", i)))
			if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), mapping.ErrConflict) {
				t.Fatalf("round %d: %v, %v", i, a, b)
			}
		}
	})
	t.Run("one of a virtual cluster's end and its first account", func(t *testing.T) {
		for i := range rounds {
			name := fmt.Sprintf("vc-%d-", i)
			outcome(t, mapping.Created)(stores[0].PutVCluster(ctx, mapping.VCluster{Name: name}, mapping.Write{}))
			gone, put := both(
				func() error { return stores[1].DeleteVCluster(ctx, name, mapping.Write{}) },
				func() error {
					_, err := stores[0].PutAccount(ctx, mapping.Account{VCluster: name, Username: name}, mapping.Write{})
					return err
				})
			if (gone == nil) != errors.Is(put, mapping.ErrNoVClusterResource) || (put == nil) != errors.Is(gone, mapping.ErrVClusterInUse) {
				t.Fatalf("round %d: end %v, account %v", i, gone, put)
			}
		}
	})
	t.Run("no lost update", func(t *testing.T) {
		var created atomic.Int64
		var wg sync.WaitGroup
		for writer := range 8 {
			wg.Go(func() {
				s := stores[writer%2]
				for i := range rounds {
					own := mapping.Account{Username: fmt.Sprint("own-", writer), Principals: []string{fmt.Sprintf("CN=own-%d-%d", writer, i)}}
					if _, err := s.PutAccount(ctx, own, mapping.Write{}); err != nil {
						t.Errorf("writer %d: %v", writer, err)
						return
					}
					_, err := s.PutAccount(ctx, mapping.Account{Username: fmt.Sprint("shared-", i), Principals: []string{fmt.Sprintf("CN=s-%d-%d", writer, i)}}, mapping.Write{Fresh: true})
					if err == nil {
						created.Add(1)
					} else if !errors.Is(err, mapping.ErrExists) {
						t.Errorf("writer %d: %v", writer, err)
					}
				}
			})
		}
		wg.Wait()
		if n := created.Load(); n != int64(rounds) {
			t.Errorf("%d accounts were created as new, want %d", n, rounds)
		}
		for _, s := range stores {
			barrier(t, s)
			for writer := range 8 {
				want(t, s, fmt.Sprintf("CN=own-%d-%d", writer, rounds-1), fmt.Sprint("own-", writer))
			}
			if n := s.Stats().Shadowed; n != 0 {
				t.Errorf("%d shadowed", n)
			}
		}
	})
	t.Run("no lost part", func(t *testing.T) {
		account := mapping.Account{Username: "sum", Principals: []string{"CN=sum"}}
		outcome(t, mapping.Created)(stores[0].PutAccount(ctx, account, mapping.Write{}))
		barrier(t, stores[1])
		var wg sync.WaitGroup
		for writer := range 8 {
			wg.Go(func() { addPart(t, ctx, stores[writer%2], fmt.Sprint("CN=part-", writer)) })
		}
		wg.Wait()
		barrier(t, stores[0])
		if a, _ := stores[0].Users().Account(mapping.Passthrough, "sum"); len(a.Principals) != 9 {
			t.Errorf("the account has the principals %q, want nine", a.Principals)
		}
	})
	agree(t, stores[:]...)
	t.Logf("fenced %d and %d times", stores[0].Stats().Fenced, stores[1].Stats().Fenced)
}

// addPart reads an account, adds a principal and writes it, until nobody has
// changed it in between.
func addPart(t *testing.T, ctx context.Context, s *kafkastore.Store, principal string) {
	t.Helper()
	for {
		old, _ := s.Users().Account(mapping.Passthrough, "sum")
		more := old
		more.Principals = append(more.Principals, principal)
		_, err := s.PutAccount(ctx, more, mapping.Write{Over: &old})
		if err == nil {
			return
		}
		if !errors.Is(err, mapping.ErrChanged) {
			t.Error(err)
			return
		}
	}
}

func TestWritersExcludeEachOther(t *testing.T) {
	c := cluster(t)
	var stores [2]*kafkastore.Store
	for i := range stores {
		stores[i], _ = open(t, c.ListenAddrs(), nil)
	}
	contend(t, testContext(t), stores, 15)
}

// TestFencedCommit: a commit that another gateway fenced is done again, once, and
// one that had come into effect before is not.
func TestFencedCommit(t *testing.T) {
	fenced := func(req kmsg.Request) kmsg.Response {
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = kerr.ProducerFenced.Code
		return resp
	}
	t.Run("before", func(t *testing.T) {
		c := cluster(t)
		s, _ := open(t, c.ListenAddrs(), nil)
		c.ControlKey(kmsg.EndTxn.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) { return fenced(req), nil, true })
		check(t, s.Create(testContext(t), mapping.Mapping{Username: "u"}))
		if n := s.Stats().Records; n != 1 {
			t.Errorf("%d records in the log, want one: the first was not committed", n)
		}
	})
	t.Run("after", func(t *testing.T) {
		c := cluster(t)
		s, _ := open(t, c.ListenAddrs(), nil)
		other := client(t, c)
		committed := make(chan struct{})
		c.ControlKey(kmsg.EndTxn.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			same := *req.(*kmsg.EndTxnRequest)
			go func() {
				defer close(committed)
				if resp, err := same.RequestWith(context.WithoutCancel(t.Context()), other); err != nil || resp.ErrorCode != 0 {
					t.Errorf("commit: %v, %v", resp, err)
				}
			}()
			c.ControlKey(kmsg.InitProducerID.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.SleepControl(func() { <-committed })
				return nil, nil, false
			})
			return fenced(req), nil, true
		})
		check(t, s.Create(testContext(t), mapping.Mapping{Username: "u"})) // again would be ErrExists
		if n := s.Stats().Records; n != 1 {
			t.Errorf("%d records in the log, want one", n)
		}
	})
}

// TestFencedInFlight: brokers say UNKNOWN_SERVER_ERROR when a commit and its fencing
// meet; that counts as fenced, also after several other fencings.
func TestFencedInFlight(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	for range 6 {
		c.ControlKey(kmsg.EndTxn.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			resp := req.ResponseKind().(*kmsg.EndTxnResponse)
			resp.ErrorCode = kerr.UnknownServerError.Code
			return resp, nil, true
		})
	}
	check(t, s.Create(testContext(t), mapping.Mapping{Username: "u"}))
	if st := s.Stats(); st.Fenced != 6 || st.Records != 1 {
		t.Errorf("fenced %d times, %d records; want 6 and 1", st.Fenced, st.Records)
	}
}

// TestLeaderMovesBeforeAWrite: while a log's leader moves, a write waits for it.
func TestLeaderMovesBeforeAWrite(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	ready(t, s)
	for range 12 {
		c.ControlKey(kmsg.ListOffsets.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			asked := req.(*kmsg.ListOffsetsRequest).Topics[0]
			resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
			rt := kmsg.NewListOffsetsResponseTopic()
			rt.Topic = asked.Topic
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.ErrorCode = kerr.NotLeaderForPartition.Code
			rt.Partitions = append(rt.Partitions, rp)
			resp.Topics = append(resp.Topics, rt)
			return resp, nil, true
		})
	}
	check(t, s.Create(testContext(t), mapping.Mapping{Username: "u"}))
	want(t, s, "u", "u")
}

// TestBusy: a gateway that never gets its turn says so in the end.
func TestBusy(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	c.ControlKey(kmsg.AddPartitionsToTxn.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
		rt := kmsg.NewAddPartitionsToTxnResponseTopic()
		rt.Topic = topic
		rt.Partitions = append(rt.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition{ErrorCode: kerr.InvalidProducerEpoch.Code})
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	if err := s.Create(testContext(t), mapping.Mapping{Username: "u"}); !errors.Is(err, mapping.ErrBusy) {
		t.Errorf("error %v, want busy", err)
	}
	if n := s.Stats().Fenced; n == 0 {
		t.Error("not counted")
	}
}

// TestMissingRights: the error says which right is missing, and on what.
func TestMissingRights(t *testing.T) {
	for _, tc := range []struct {
		key  kmsg.Key
		err  *kerr.Error
		says string
	}{
		{kmsg.InitProducerID, kerr.TransactionalIDAuthorizationFailed, "transactional id _conduktor_gateway_state: take the right to write: "},
		{kmsg.InitProducerID, kerr.ClusterAuthorizationFailed, "it needs IdempotentWrite on the cluster"},
		{kmsg.AddPartitionsToTxn, kerr.TopicAuthorizationFailed, "topic " + topic + ": begin a transaction: "},
		{kmsg.Produce, kerr.TopicAuthorizationFailed, "it needs Write on the topic"},
		{kmsg.AddPartitionsToTxn, kerr.TransactionalIDAuthorizationFailed, "it needs Describe and Write on the TransactionalId"},
	} {
		t.Run(tc.key.Name()+" "+tc.err.Message, func(t *testing.T) {
			c := cluster(t)
			s, _ := open(t, c.ListenAddrs(), nil)
			c.Fault(kfake.Fault{Keys: []kmsg.Key{tc.key}, Err: tc.err})
			err := s.Create(testContext(t), mapping.Mapping{Username: "u"})
			if !errors.Is(err, mapping.ErrForbidden) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want forbidden and %q", err, tc.says)
			}
			check(t, s.Create(testContext(t), mapping.Mapping{Username: "u"})) // the next one is not spoilt
		})
	}
}

// TestGivenUpTransaction: a gateway that dies between its record and its commit
// holds up nobody who writes.
func TestGivenUpTransaction(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	givenUp(t, c.ListenAddrs(), s)
}
