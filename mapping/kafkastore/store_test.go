package kafkastore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/kafkastore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "_conduktor_gateway_usermappings"

// patience bounds waiting for what must come; nothing is measured by it.
const patience = 30 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func cluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// events is a log that can be waited for.
type events struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newEvents() *events { return &events{more: make(chan struct{})} }

func (e *events) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, string(b))
	close(e.more)
	e.more = make(chan struct{})
	return len(b), nil
}

func (e *events) count(substrings ...string) (n int, more chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, line := range e.lines {
		all := true
		for _, s := range substrings {
			all = all && strings.Contains(line, s)
		}
		if all {
			n++
		}
	}
	return n, e.more
}

// await returns when n lines hold all substrings.
func (e *events) await(t testing.TB, n int, substrings ...string) {
	t.Helper()
	limit := time.After(patience)
	for {
		have, more := e.count(substrings...)
		if have >= n {
			return
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("no %d log lines with %q in:\n%s", n, substrings, strings.Join(e.lines, ""))
		}
	}
}

func open(t testing.TB, addrs []string, change func(*kafkastore.Options)) (*kafkastore.Store, *events) {
	t.Helper()
	log := newEvents()
	o := kafkastore.Options{
		Client:       []kgo.Opt{kgo.SeedBrokers(addrs...)},
		ClusterID:    "gateway",
		FirstAttempt: patience,
		Log:          logTo(log),
	}
	if change != nil {
		change(&o)
	}
	s, err := kafkastore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, s.Close()) })
	return s, log
}

func ready(t testing.TB, s *kafkastore.Store) {
	t.Helper()
	if err := s.Ready(); err != nil {
		t.Fatalf("not ready: %v", err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func client(t testing.TB, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}, opts...)...)
	check(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// raw writes a record as it stands; a nil value is a tombstone.
func raw(t testing.TB, cl *kgo.Client, key, value []byte) int64 {
	t.Helper()
	r, err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Key: key, Value: value}).First()
	check(t, err)
	return r.Offset
}

func key(username string) []byte {
	return fmt.Appendf(nil, `{"vcluster":"passthrough","username":%q}`, username)
}

func value(principal string) []byte {
	return fmt.Appendf(nil, `{"v":1,"principal":%q,"groups":[]}`, principal)
}

// barrier writes through s, so that on return s has read whatever was in the
// log before.
func barrier(t testing.TB, s *kafkastore.Store) {
	t.Helper()
	_, err := s.Put(testContext(t), mapping.Mapping{Username: "barrier"})
	check(t, err)
}

func username(t testing.TB, s mapping.Store, principal string) string {
	t.Helper()
	u, err := s.Users().Resolve(mapping.Auth{Principal: principal}, false)
	check(t, err)
	return u.Username
}

func want(t testing.TB, s mapping.Store, principal, user string) {
	t.Helper()
	if got := username(t, s, principal); got != user {
		t.Errorf("%s resolves to username %q, want %q", principal, got, user)
	}
}

func TestTopicsOfTheFoundingDemo(t *testing.T) {
	c := cluster(t)
	s, log := open(t, c.ListenAddrs(), nil)
	ready(t, s)
	adm := kadm.NewClient(client(t, c))
	topics, err := adm.ListTopics(testContext(t))
	check(t, err)
	keys := strings.Fields("acls auditlogs consumer_offsets consumer_subscriptions encryption_configs groups " +
		"interceptor_configs license topicmappings usermappings vclusters")
	var names []string
	for _, k := range keys {
		names = append(names, "_conduktor_gateway_"+k)
	}
	if !reflect.DeepEqual(topics.Names(), names) {
		t.Errorf("topics %q\n  want %q", topics.Names(), names)
	}
	configs, err := adm.DescribeTopicConfigs(testContext(t), names...)
	check(t, err)
	for _, rc := range configs {
		got := map[string]string{}
		for _, kv := range rc.Configs {
			got[kv.Key] = kv.MaybeValue()
		}
		policy, partitions := "compact", 1
		if rc.Name == "_conduktor_gateway_auditlogs" {
			policy, partitions = "delete", 3
			if got["retention.ms"] != "604800000" {
				t.Errorf("%s: retention.ms %s, want 7 days", rc.Name, got["retention.ms"])
			}
		}
		if got["cleanup.policy"] != policy || len(topics[rc.Name].Partitions) != partitions {
			t.Errorf("%s: cleanup.policy %s and %d partitions, want %s and %d", rc.Name,
				got["cleanup.policy"], len(topics[rc.Name].Partitions), policy, partitions)
		}
	}
	if n, _ := log.count("topic created"); n != 11 {
		t.Errorf("%d lines about created topics, want 11", n)
	}
	_, log = open(t, c.ListenAddrs(), nil)
	if n, _ := log.count("topic created"); n != 0 {
		t.Errorf("the second gateway created %d topics", n)
	}
}

func TestTopicNameOverride(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), func(o *kafkastore.Options) {
		o.Topics = map[string]string{"usermappings": "people"}
	})
	ready(t, s)
	topics, err := kadm.NewClient(client(t, c)).ListTopics(testContext(t))
	check(t, err)
	if !topics.Has("people") || topics.Has(topic) {
		t.Errorf("topics %q", topics.Names())
	}
}

func TestFewReplicasWarned(t *testing.T) {
	c := cluster(t, kfake.NumBrokers(1))
	_, log := open(t, c.ListenAddrs(), func(o *kafkastore.Options) { o.ReplicationFactor = 1 })
	_, again := open(t, c.ListenAddrs(), nil)
	for _, l := range []*events{log, again} {
		if n, _ := l.count("level=WARN", "fewer than 3 replicas"); n == 0 {
			t.Error("no warning about a replication factor of 1")
		}
	}
}

func TestUnusableTopics(t *testing.T) {
	for _, tc := range []struct {
		what       string
		topic      string
		policy     string
		partitions int32
		overrides  map[string]string
		says       string
	}{
		{"mappings would expire", topic, "delete", 1, nil, `topic ` + topic + `: cleanup.policy is "delete", must be "compact"`},
		{"expiry besides compaction", topic, "compact,delete", 1, nil, `cleanup.policy is "compact,delete"`},
		{"another topic", "_conduktor_gateway_auditlogs", "compact", 3, nil, `auditlogs: cleanup.policy is "compact", must be "delete"`},
		{"no order", topic, "compact", 2, nil, "has 2 partitions, must have 1"},
		{"one name for two", "", "", 0, map[string]string{"acls": "x", "groups": "x"}, "topic x: named for both acls and groups"},
		{"no name", "", "", 0, map[string]string{"acls": "a b"}, "topic a b: not a topic name (for acls)"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			c := cluster(t)
			if tc.topic != "" {
				_, err := kadm.NewClient(client(t, c)).CreateTopic(testContext(t), tc.partitions, -1,
					map[string]*string{"cleanup.policy": &tc.policy}, tc.topic)
				check(t, err)
			}
			s, err := kafkastore.Open(t.Context(), kafkastore.Options{
				Client: []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}, ClusterID: "gateway",
				Topics: tc.overrides, FirstAttempt: patience,
			})
			if s != nil {
				t.Error("store opened")
				check(t, s.Close())
			}
			if !errors.Is(err, kafkastore.ErrTopic) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want %q", err, tc.says)
			}
		})
	}
}

func TestWritesAndTheirErrors(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	ctx := testContext(t)
	m := mapping.Mapping{Username: "alice", Principal: "CN=alice,O=<a&b>", Groups: []string{"g1", "g2"}}
	check(t, s.Create(ctx, m))
	want(t, s, m.Principal, "alice")
	if err := s.Create(ctx, m); !errors.Is(err, mapping.ErrExists) {
		t.Errorf("second Create: %v", err)
	}
	_, err := s.Put(ctx, mapping.Mapping{Username: "bob", Principal: m.Principal})
	var conflict *mapping.ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, mapping.ErrConflict) || conflict.Holder.Username != "alice" {
		t.Errorf("taking a principal: %v", err)
	}
	created, err := s.Put(ctx, mapping.Mapping{Username: "alice", Principal: "CN=new"})
	check(t, err)
	if created {
		t.Error("an update reported as created")
	}
	want(t, s, "CN=new", "alice")
	want(t, s, m.Principal, m.Principal)
	check(t, s.Delete(ctx, "", "alice"))
	want(t, s, "CN=new", "CN=new")
	if err := s.Delete(ctx, "passthrough", "alice"); !errors.Is(err, mapping.ErrNotFound) {
		t.Errorf("second Delete: %v", err)
	}
	var field *mapping.FieldError
	if err := s.Create(ctx, mapping.Mapping{}); !errors.As(err, &field) || field.Field != "username" {
		t.Errorf("empty mapping: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Create(cancelled, m); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	check(t, s.Close())
	if err := s.Create(ctx, m); !errors.Is(err, mapping.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestRestartCompactionAndTwoGateways(t *testing.T) {
	c := cluster(t)
	a, _ := open(t, c.ListenAddrs(), nil)
	b, _ := open(t, c.ListenAddrs(), nil)
	ctx := testContext(t)
	for i := range 20 {
		check(t, a.Create(ctx, mapping.Mapping{Username: fmt.Sprint("u", i), Principal: fmt.Sprint("CN=", i)}))
	}
	for i := range 20 {
		// The other gateway knows at once what this one wrote.
		if err := b.Create(ctx, mapping.Mapping{Username: fmt.Sprint("u", i)}); !errors.Is(err, mapping.ErrExists) {
			t.Fatalf("u%d at the other gateway: %v", i, err)
		}
		if i%2 == 0 {
			check(t, b.Delete(ctx, "", fmt.Sprint("u", i)))
		} else if _, err := b.Put(ctx, mapping.Mapping{Username: fmt.Sprint("u", i), Principal: fmt.Sprint("CN=new", i)}); err != nil {
			t.Fatal(err)
		}
	}
	barrier(t, a)
	c.Compact()
	fresh, _ := open(t, c.ListenAddrs(), nil)
	barrier(t, b)
	barrier(t, fresh)
	barrier(t, a)
	for _, s := range []*kafkastore.Store{a, b, fresh} {
		if !reflect.DeepEqual(s.Users().All(), a.Users().All()) {
			t.Errorf("gateways disagree:\n%v\n%v", s.Users().All(), a.Users().All())
		}
		want(t, s, "CN=new1", "u1")
		want(t, s, "CN=1", "CN=1")
		want(t, s, "CN=2", "CN=2")
		if n := s.Users().Len(); n != 11 {
			t.Errorf("%d mappings, want 11", n)
		}
	}
}

// TestLaggingGatewayWritesNothing: a gateway that does not know yet what
// another one wrote must not decide from what it knows.
func TestLaggingGatewayWritesNothing(t *testing.T) {
	c := cluster(t)
	here, _ := open(t, c.ListenAddrs(), nil)
	lagging, _ := open(t, c.ListenAddrs(), nil)
	lagging.StopFollowing()
	m := mapping.Mapping{Username: "u", Principal: "CN=here"}
	check(t, here.Create(testContext(t), m))
	m.Principal = "CN=lagging"
	// It waits for what cannot come, so any deadline is as good as any other.
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	if err := lagging.Create(ctx, m); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Create: %v", err)
	}
	barrier(t, here)
	want(t, here, "CN=here", "u")
	want(t, here, "CN=lagging", "CN=lagging")
}

func TestUnreadableRecords(t *testing.T) {
	c := cluster(t)
	first, _ := open(t, c.ListenAddrs(), nil)
	check(t, first.Create(testContext(t), mapping.Mapping{Username: "overwritten", Principal: "CN=overwritten"}))
	cl := client(t, c)
	future := raw(t, cl, key("overwritten"), []byte(`{"v":2,"principal":{"cn":"later"}}`))
	bad := [][2][]byte{
		{nil, value("CN=nokey")},
		{[]byte("not json"), value("CN=x")},
		{[]byte(`{"username":"order","vcluster":"passthrough"}`), value("CN=order")},
		{key("novalue"), []byte("")},
		{key("cut"), []byte(`{"v":1,"principal":"CN=`)},
		{key("type"), []byte(`{"v":1,"principal":7}`)},
		{key("nov"), []byte(`{"principal":"CN=nov"}`)},
		{key("control"), []byte(`{"v":1,"principal":"CN=\u0001"}`)},
		{key("nobody"), []byte(`{"v":1}`)},
	}
	for _, kv := range bad {
		raw(t, cl, kv[0], kv[1])
	}
	raw(t, cl, key("good"), []byte(`{"v":1,"principal":"CN=good","groups":["g"],"field of tomorrow":[1]}`))
	second, log := open(t, c.ListenAddrs(), nil)
	barrier(t, first)
	barrier(t, second)
	for _, s := range []*kafkastore.Store{first, second} {
		ready(t, s)
		want(t, s, "CN=good", "good")
		want(t, s, "CN=overwritten", "CN=overwritten")
		if got := s.Stats().Skipped; got != uint64(len(bad)+1) {
			t.Errorf("%d records skipped, want %d", got, len(bad)+1)
		}
	}
	if n, _ := log.count("record skipped", fmt.Sprintf("offset=%d", future), "future version"); n != 1 {
		t.Errorf("%d lines about the record of a future version", n)
	}
}

// TestSimultaneousConflict: what no check at a writer can prevent, the log
// decides, and decides alike for who followed and who came after compaction.
func TestSimultaneousConflict(t *testing.T) {
	c := cluster(t)
	follower, log := open(t, c.ListenAddrs(), nil)
	cl := client(t, c)
	agree := func(step, user string) {
		t.Helper()
		barrier(t, follower)
		c.Compact()
		late, _ := open(t, c.ListenAddrs(), nil)
		for _, s := range []*kafkastore.Store{follower, late} {
			if got := username(t, s, "CN=both"); got != user {
				t.Errorf("%s: CN=both resolves to %q, want %q", step, got, user)
			}
			if !reflect.DeepEqual(s.Users().All(), follower.Users().All()) {
				t.Errorf("%s: mappings differ", step)
			}
		}
	}
	raw(t, cl, key("early"), value("CN=both"))
	agree("one claim", "early")
	at := raw(t, cl, key("late"), value("CN=both"))
	agree("later claim", "late")
	log.await(t, 1, "shadowed by a later one", fmt.Sprintf("offset=%d", at), "username=late", "shadowed_username=early")
	if st := follower.Stats(); st.Conflicts != 1 || st.Shadowed != 1 {
		t.Errorf("stats %+v, want one conflict and one shadowed", st)
	}
	raw(t, cl, key("early"), value("CN=both"))
	agree("early one written again", "early")
	raw(t, cl, key("early"), nil)
	agree("holder deleted", "late")
	raw(t, cl, key("early"), value("CN=both"))
	raw(t, cl, key("early"), value("CN=other"))
	agree("holder moved on", "late")
	if n := follower.Stats().Shadowed; n != 0 {
		t.Errorf("%d shadowed in the end", n)
	}
}

func TestBrokersDownAtStart(t *testing.T) {
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	addr := holder.Addr().(*net.TCPAddr)
	check(t, holder.Close())
	s, log := open(t, []string{addr.String()}, func(o *kafkastore.Options) { o.FirstAttempt = time.Millisecond })
	for _, what := range []string{"mappings", "groups", "virtual clusters"} {
		log.await(t, 1, what+" out of reach", "connection refused")
	}
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Ready: %v", err)
	}
	if err := s.Create(testContext(t), mapping.Mapping{Username: "u"}); !errors.Is(err, mapping.ErrNotReady) {
		t.Errorf("Create: %v", err)
	}
	cluster(t, kfake.NumBrokers(1), kfake.Ports(addr.Port))
	for _, what := range []string{"mappings read", "groups read", "virtual clusters read"} {
		log.await(t, 1, what)
	}
	ready(t, s)
	check(t, s.Create(testContext(t), mapping.Mapping{Username: "u", Principal: "CN=u"}))
	want(t, s, "CN=u", "u")
}

func TestTransactionsAndGaps(t *testing.T) {
	c := cluster(t)
	follower, _ := open(t, c.ListenAddrs(), nil)
	tx := client(t, c, kgo.TransactionalID("restore"))
	ctx := testContext(t)
	inTransaction := func(end kgo.TransactionEndTry, k, v []byte) {
		t.Helper()
		check(t, tx.BeginTransaction())
		raw(t, tx, k, v)
		check(t, tx.EndTransaction(ctx, end))
	}
	inTransaction(kgo.TryCommit, key("kept"), value("CN=kept"))
	inTransaction(kgo.TryAbort, key("kept"), value("CN=aborted"))
	// The log ends in a marker: there is no record to read to.
	late, _ := open(t, c.ListenAddrs(), nil)
	ready(t, late)
	barrier(t, follower)
	for _, s := range []*kafkastore.Store{follower, late} {
		want(t, s, "CN=kept", "kept")
		want(t, s, "CN=aborted", "CN=aborted")
	}
}

func TestLeaderChangesAndFetchErrors(t *testing.T) {
	c := cluster(t)
	s, log := open(t, c.ListenAddrs(), nil)
	ctx := testContext(t)
	for i := range 3 {
		node := (c.LeaderFor(topic, 0) + 1) % 3
		check(t, c.MoveTopicPartition(topic, 0, node))
		check(t, s.Create(ctx, mapping.Mapping{Username: fmt.Sprint("u", i)}))
	}
	for i, e := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.UnknownServerError, kerr.KafkaStorageError, kerr.UnknownTopicID,
	} {
		failed := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: e})
		check(t, failed.Wait(ctx, 1))
		log.await(t, 1, "out of reach", e.Message)
		check(t, s.Create(ctx, mapping.Mapping{Username: fmt.Sprint("v", i)}))
	}
	if n := s.Users().Len(); n != 9 {
		t.Errorf("%d mappings, want 9", n)
	}
}

// TestLostLog: offsets that ran backwards, as after an unclean election, and a
// topic deleted and created again. The old mappings stay in force until the
// new log has been read.
func TestLostLog(t *testing.T) {
	c := cluster(t)
	s, log := open(t, c.ListenAddrs(), nil)
	ctx := testContext(t)
	for i := range 10 {
		check(t, s.Create(ctx, mapping.Mapping{Username: fmt.Sprint("u", i)}))
	}
	t.Run("offset out of range", func(t *testing.T) {
		failed := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: kerr.OffsetOutOfRange})
		check(t, failed.Wait(ctx, 1))
		log.await(t, 1, "mappings read", "mappings=10")
		ready(t, s)
		barrier(t, s)
	})
	t.Run("recreated", func(t *testing.T) {
		cl := client(t, c)
		_, err := kadm.NewClient(cl).DeleteTopic(ctx, topic)
		check(t, err)
		log.await(t, 2, "topic created", topic) // by the store itself
		log.await(t, 1, "topic was recreated")
		log.await(t, 2, "mappings read", "mappings=0")
		want(t, s, "u1", "u1")
		if n := s.Users().Len(); n != 0 {
			t.Errorf("%d mappings, want none", n)
		}
		check(t, s.Create(ctx, mapping.Mapping{Username: "after", Principal: "CN=after"}))
		want(t, s, "CN=after", "after")
	})
	if n := s.Stats().Rereads; n != 2 {
		t.Errorf("read again %d times, want 2", n)
	}
}

// TestLogCutBack: leader epochs that say that what was read is gone, and, from
// a cluster too old for topic ids, a log that is suddenly shorter.
func TestLogCutBack(t *testing.T) {
	t.Run("leader epoch", func(t *testing.T) {
		c := cluster(t)
		s, log := open(t, c.ListenAddrs(), nil)
		ctx := testContext(t)
		for i := range 10 {
			check(t, s.Create(ctx, mapping.Mapping{Username: fmt.Sprint("u", i)}))
		}
		c.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			resp := kreq.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
			rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			rp.EndOffset = 4
			rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
			rt.Topic = topic
			rt.Partitions = append(rt.Partitions, rp)
			resp.Topics = append(resp.Topics, rt)
			return resp, nil, true
		})
		check(t, c.MoveTopicPartition(topic, 0, (c.LeaderFor(topic, 0)+1)%3))
		log.await(t, 1, "log was cut back")
		log.await(t, 1, "mappings read", "mappings=10")
		barrier(t, s)
	})
	t.Run("shorter", func(t *testing.T) {
		old := kfake.MaxVersions(kversion.V2_4_0())
		c := cluster(t, kfake.NumBrokers(1), old)
		_, port, err := net.SplitHostPort(c.ListenAddrs()[0])
		check(t, err)
		number, err := strconv.Atoi(port)
		check(t, err)
		s, log := open(t, c.ListenAddrs(), nil)
		ctx := testContext(t)
		for i := range 10 {
			check(t, s.Create(ctx, mapping.Mapping{Username: fmt.Sprint("u", i), Principal: fmt.Sprint("CN=", i)}))
		}
		c.Close()
		log.await(t, 1, "out of reach")
		ready(t, s)
		want(t, s, "CN=1", "u1") // what was read stays in force
		cluster(t, kfake.NumBrokers(1), kfake.Ports(number), old)
		log.await(t, 1, "log was cut back")
		log.await(t, 2, "mappings read", "mappings=0")
		want(t, s, "CN=1", "CN=1")
		barrier(t, s)
	})
}

func TestRefreshReadsEverythingAgain(t *testing.T) {
	c := cluster(t)
	var mu sync.Mutex
	now := time.Unix(1_700_000_000, 0)
	s, log := open(t, c.ListenAddrs(), func(o *kafkastore.Options) {
		o.Refresh = time.Hour
		o.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	check(t, s.Create(testContext(t), mapping.Mapping{Username: "u", Principal: "CN=u"}))
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	log.await(t, 2, "mappings read")
	want(t, s, "CN=u", "u")
	check(t, s.Create(testContext(t), mapping.Mapping{Username: "v", Principal: "CN=v"}))
	want(t, s, "CN=v", "v")
}

func TestTenThousandMappings(t *testing.T) {
	c := cluster(t)
	first, _ := open(t, c.ListenAddrs(), nil)
	cl := client(t, c)
	const n = 10_000
	records := make([]*kgo.Record, 0, n)
	for i := range n {
		u := fmt.Sprint("user-", i)
		records = append(records, &kgo.Record{Topic: topic, Key: key(u), Value: value("CN=" + u)})
	}
	check(t, cl.ProduceSync(testContext(t), records...).FirstErr())
	barrier(t, first)
	second, _ := open(t, c.ListenAddrs(), nil)
	for _, s := range []*kafkastore.Store{first, second} {
		if got := s.Users().Len(); got != n+1 {
			t.Errorf("%d mappings, want %d", got, n+1)
		}
		want(t, s, "CN=user-9999", "user-9999")
		if lag := s.Stats().Lag; lag != 0 {
			t.Errorf("lag %d", lag)
		}
	}
}

func TestManyWritersAtTwoGateways(t *testing.T) {
	c := cluster(t)
	stores := make([]*kafkastore.Store, 2)
	for i := range stores {
		stores[i], _ = open(t, c.ListenAddrs(), nil)
	}
	ctx := testContext(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			s := stores[w%2]
			for i := range 10 {
				m := mapping.Mapping{Username: fmt.Sprintf("w%d-%d", w, i), Principal: fmt.Sprintf("CN=w%d-%d", w, i)}
				if err := s.Create(ctx, m); err != nil {
					t.Errorf("%s: %v", m.Username, err)
					return
				}
				if got := username(t, s, m.Principal); got != m.Username {
					t.Errorf("%s not visible after its acknowledgement", m.Username)
				}
				if i%3 == 0 {
					if err := s.Delete(ctx, "", m.Username); err != nil {
						t.Errorf("delete %s: %v", m.Username, err)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		barrier(t, s)
	}
	barrier(t, stores[0])
	if a, b := stores[0].Users().All(), stores[1].Users().All(); !reflect.DeepEqual(a, b) || len(a) != 8*6+1 {
		t.Errorf("%d and %d mappings", len(a), len(b))
	}
}
