package kafkastore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/kafkastore"
)

// TestRealBrokers: what excludes each other does so on brokers, where markers of
// transactions come after the answer and coordinators have their own opinions.
func TestRealBrokers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts brokers")
	}
	for _, version := range []string{kafkatest.Kafka352, kafkatest.Kafka440} {
		t.Run(version, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Options{Version: version, Properties: map[string]string{
				"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
				"allow.everyone.if.no.acl.found": "true",
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			var stores [2]*kafkastore.Store
			var logs [2]*events
			for i := range stores {
				stores[i], logs[i] = open(t, c.Seeds(), nil)
				for _, what := range []string{"mappings read", "groups read", "virtual clusters read"} {
					logs[i].await(t, 1, what)
				}
			}
			began := time.Now()
			check(t, stores[0].Create(ctx, mapping.Mapping{Username: "first"}))
			t.Logf("the first write took %v", time.Since(began))
			began = time.Now()
			for i := range 20 {
				outcome(t, [...]mapping.Outcome{mapping.Created, mapping.Updated}[min(i, 1)])(
					stores[0].PutAccount(ctx, mapping.Account{Username: "timed", Principals: []string{string(rune('a' + i))}}, mapping.Write{}))
			}
			t.Logf("a write took %v", time.Since(began)/20)
			contend(t, ctx, stores, 15)
			givenUp(t, c.Seeds(), stores[0])
			fresh, _ := open(t, c.Seeds(), nil)
			agree(t, fresh, stores[0], stores[1])
			if n := fresh.Stats().Skipped; n != 0 {
				t.Errorf("%d records skipped", n)
			}
			forbidden(t, c.Seeds(), fresh)
		})
	}
}

// givenUp has a gateway die between its record and its commit.
func givenUp(t *testing.T, seeds []string, s *kafkastore.Store) {
	t.Helper()
	dead, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.MaxVersions(kversion.V3_5_0()),
		kgo.TransactionalID(kafkastore.TransactionalID("gateway")))
	check(t, err)
	defer dead.Close()
	check(t, dead.BeginTransaction())
	raw(t, dead, key("ghost"), value("CN=ghost"))
	check(t, s.Create(testContext(t), mapping.Mapping{Username: "after the ghost"}))
	if err := dead.EndTransaction(testContext(t), kgo.TryCommit); err == nil {
		t.Error("a fenced gateway committed")
	}
	barrier(t, s)
	want(t, s, "CN=ghost", "CN=ghost")
}

// forbidden gives the right to write to somebody else, which takes it from us.
func forbidden(t *testing.T, seeds []string, s *kafkastore.Store) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	check(t, err)
	defer cl.Close()
	made, err := kadm.NewClient(cl).CreateACLs(testContext(t), kadm.NewACLs().
		TransactionalIDs(kafkastore.TransactionalID("gateway")).ResourcePatternType(kadm.ACLPatternLiteral).
		Allow("User:somebody").AllowHosts().Operations(kadm.OpWrite))
	check(t, err)
	for _, acl := range made {
		check(t, acl.Err)
	}
	err = s.Create(testContext(t), mapping.Mapping{Username: "forbidden"})
	if !errors.Is(err, mapping.ErrForbidden) || !strings.Contains(err.Error(), "Describe and Write on the TransactionalId") {
		t.Errorf("error %v, want forbidden", err)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("who may not write is not ready: %v", err)
	}
	t.Log(err)
}
