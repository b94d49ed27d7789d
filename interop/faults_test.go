package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// testRollingRestart restarts every broker under a steady load, the last one
// without warning: a client with its library's defaults loses nothing.
func testRollingRestart(t *testing.T, s *stage) {
	s.makeTopic(t, "rolling", 6, "min.insync.replicas", "2")
	load := startLoad(t, s, "rolling")
	for _, b := range s.cluster.Brokers() {
		load.progress(t)
		if b.ID == len(s.cluster.Brokers()) {
			b.Kill()
		} else if err := b.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		load.progress(t) // with two brokers
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.awaitInSync(t, "rolling")
	}
	load.progress(t)
	load.finish(t)
}

// awaitInSync waits until every replica of a topic follows again.
func (s *stage) awaitInSync(t *testing.T, topic string) {
	t.Helper()
	client := kadm.NewClient(s.direct(t))
	await(t, "all replicas of "+topic+" are in sync", patience, func(ctx context.Context) error {
		listed, err := client.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		listed.EachPartition(func(p kadm.PartitionDetail) {
			if len(p.ISR) < len(p.Replicas) {
				err = fmt.Errorf("partition %d: %v of %v", p.Partition, p.ISR, p.Replicas)
			}
		})
		return err
	})
}

// load is one producer and one group member at a steady pace.
type load struct {
	cancel   context.CancelFunc
	done     sync.WaitGroup
	ended    chan struct{} // closed when every write was answered
	mu       sync.Mutex
	written  map[string]bool // answered
	read     map[string]int
	failures []error
}

func startLoad(t *testing.T, s *stage, topic string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel, ended: make(chan struct{}), written: map[string]bool{}, read: map[string]int{}}
	producer := s.client(t, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.DefaultProduceTopic(topic))
	member := s.client(t, kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	l.done.Go(func() { l.write(ctx, producer) })
	l.done.Go(func() { l.follow(ctx, member) })
	t.Cleanup(cancel)
	return l
}

// write sends a record every five milliseconds and waits for the rest at the
// end.
func (l *load) write(ctx context.Context, producer *kgo.Client) {
	defer close(l.ended)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		value := strconv.Itoa(i)
		producer.Produce(context.WithoutCancel(ctx), &kgo.Record{Value: []byte(value)}, func(_ *kgo.Record, err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if err != nil {
				l.failures = append(l.failures, err)
				return
			}
			l.written[value] = true
		})
		select {
		case <-ctx.Done():
			flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			if err := producer.Flush(flush); err != nil {
				l.mu.Lock()
				l.failures = append(l.failures, err)
				l.mu.Unlock()
			}
			return
		case <-tick.C:
		}
	}
}

// follow reads until everything that was written is read, once writing has
// ended; patience allowing.
func (l *load) follow(ctx context.Context, member *kgo.Client) {
	var deadline <-chan time.Time
	for !l.complete() {
		poll, cancel := context.WithTimeout(context.WithoutCancel(ctx), 250*time.Millisecond)
		fetches := member.PollFetches(poll)
		cancel()
		l.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) { l.read[string(r.Value)]++ })
		l.mu.Unlock()
		if ctx.Err() != nil && deadline == nil {
			deadline = time.After(patience)
		}
		select {
		case <-deadline:
			return
		default:
		}
	}
}

// complete is true when writing has ended and every record was read.
func (l *load) complete() bool {
	select {
	case <-l.ended:
	default:
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for value := range l.written {
		if l.read[value] == 0 {
			return false
		}
	}
	return true
}

// progress waits until a hundred more records were written and read.
func (l *load) progress(t *testing.T) {
	t.Helper()
	written, read := l.count()
	await(t, "the load goes on", patience, func(context.Context) error {
		w, r := l.count()
		if w < written+100 || r < read+100 {
			return fmt.Errorf("%d more written, %d more read", w-written, r-read)
		}
		return nil
	})
}

func (l *load) count() (written, read int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.written), len(l.read)
}

// finish ends the load and counts what is missing.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) > 0 {
		t.Errorf("%d records were not written: %v", len(l.failures), errors.Join(l.failures[:min(3, len(l.failures))]...))
	}
	lost := 0
	for value := range l.written {
		if l.read[value] == 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d written records were not read", lost, len(l.written))
	}
	t.Logf("%d records written and read", len(l.written))
}

// testUncleanLeader takes away the end of the mappings' log: the replica that
// missed the last mapping becomes leader. Gateways go on, and what is posted
// next is kept by both and by one that starts afterwards.
func testUncleanLeader(t *testing.T, s *stage) {
	env := s.environment(map[string]string{
		"GATEWAY_CLUSTER_ID": "unclean", "GATEWAY_TOPIC_STORE_KCACHE_REPLICATION_FACTOR": "2",
	})
	one, two := startGateway(t, "unclean-one", env), startGateway(t, "unclean-two", env)
	const topic = "_conduktor_unclean_usermappings"
	others := []string{"_conduktor_unclean_groups", "_conduktor_unclean_vclusters"} // which no write goes without
	one.postMapping(t, "before")
	two.awaitMapping(t, "before", true, time.Second)
	for _, allowed := range append(others, topic) {
		s.allowUnclean(t, allowed)
	}
	s.awaitInSync(t, topic)
	leader, follower := s.replicas(t, topic)
	s.cluster.Broker(follower).Kill()
	s.awaitAlone(t, topic)
	one.postMapping(t, "lost") // on the leader alone
	s.cluster.Broker(leader).Kill()
	if err := s.cluster.Broker(follower).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.electUnclean(t, topic, follower)
	for _, other := range others {
		s.electAnother(t, other, leader)
	}
	faults := make(map[int]int)
	s.restartFaulty(t, faults)
	one.postMappingSoon(t, "after")
	two.awaitMapping(t, "after", true, patience)
	if err := s.cluster.Broker(leader).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.restartFaulty(t, faults)
	s.awaitInSync(t, topic)
	for _, g := range []*gateway{one, two} {
		g.awaitMapping(t, "before", true, patience)
		g.awaitMapping(t, "after", true, patience)
	}
	three := startGateway(t, "unclean-three", env)
	three.awaitMapping(t, "before", true, time.Second)
	three.awaitMapping(t, "after", true, time.Second)
	for _, g := range []*gateway{one, two, three} {
		g.stop(t)
	}
}

// allowUnclean lets a replica that is out of sync lead a topic.
func (s *stage) allowUnclean(t *testing.T, topic string) {
	t.Helper()
	yes := "true"
	altered, err := kadm.NewClient(s.direct(t)).AlterTopicConfigs(t.Context(),
		[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: "unclean.leader.election.enable", Value: &yes}}, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range altered {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
	}
}

// replicas returns the leader of a topic's only partition and the other one.
func (s *stage) replicas(t *testing.T, topic string) (leader, follower int) {
	t.Helper()
	p := s.partition(t.Context(), t, topic)
	for _, r := range p.Replicas {
		if r != p.Leader {
			follower = int(r)
		}
	}
	return int(p.Leader), follower
}

func (s *stage) partition(ctx context.Context, t *testing.T, topic string) kadm.PartitionDetail {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Seeds()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return kadm.PartitionDetail{Leader: -1, Err: err}
	}
	return listed[topic].Partitions[0]
}

// awaitAlone waits until the leader has given its follower up.
func (s *stage) awaitAlone(t *testing.T, topic string) {
	t.Helper()
	await(t, "the leader is alone in sync", patience, func(ctx context.Context) error {
		if p := s.partition(ctx, t, topic); len(p.ISR) != 1 {
			return fmt.Errorf("in sync: %v, %w", p.ISR, p.Err)
		}
		return nil
	})
}

// electUnclean makes a replica leader that is not in sync.
func (s *stage) electUnclean(t *testing.T, topic string, want int) {
	t.Helper()
	client := kadm.NewClient(s.direct(t))
	await(t, "the follower has become leader", patience, func(ctx context.Context) error {
		if p := s.partition(ctx, t, topic); int(p.Leader) == want {
			return nil
		}
		_, err := client.ElectLeaders(ctx, kadm.ElectLiveReplica, kadm.TopicsSet{topic: {0: {}}})
		return errors.Join(errors.New("not yet"), err)
	})
}

// electAnother waits until a topic is led by another broker than the one that is
// gone, whatever that one knows.
func (s *stage) electAnother(t *testing.T, topic string, gone int) {
	t.Helper()
	client := kadm.NewClient(s.direct(t))
	await(t, topic+" has another leader", patience, func(ctx context.Context) error {
		if p := s.partition(ctx, t, topic); p.Leader >= 0 && int(p.Leader) != gone {
			return nil
		}
		_, err := client.ElectLeaders(ctx, kadm.ElectLiveReplica, kadm.TopicsSet{topic: {0: {}}})
		return errors.Join(errors.New("not yet"), err)
	})
}

// restartFaulty does what an operator has to: a broker that could not take over what
// the controller gave it does not lead it, whatever the others believe, until it is
// started again. With 3.5.2 that comes of a transaction's coordinator that moves away
// and back while its log waits for replicas ("completing transaction state transition
// while it does not have a pending state"). known counts the faults seen before.
func (s *stage) restartFaulty(t *testing.T, known map[int]int) {
	t.Helper()
	for _, b := range s.cluster.Brokers() {
		log, err := os.ReadFile(b.LogPath())
		if err != nil {
			t.Fatal(err)
		}
		faults := bytes.Count(log, []byte("Encountered metadata publishing fault"))
		if faults == known[b.ID] || b.Pid() == 0 {
			continue
		}
		known[b.ID] = faults
		t.Logf("broker %d could not take over what it was given: it is started again", b.ID)
		b.Kill()
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// postMappingSoon posts until the gateway can keep the mapping: while its
// topic has no leader, it says so with a 5xx.
func (g *gateway) postMappingSoon(t *testing.T, username string) {
	t.Helper()
	await(t, "gateway "+g.name+" keeps a mapping", patience, func(ctx context.Context) error {
		status, body, err := g.call(ctx, http.MethodPost, "/admin/userMappings/v1", map[string]any{"username": username})
		switch {
		case err != nil:
			return err
		case status == http.StatusCreated, status == http.StatusConflict: // kept by an attempt that timed out
			return nil
		case status < 500:
			return fmt.Errorf("%w: status %d: %s", kafkatest.ErrGivenUp, status, body)
		default:
			return fmt.Errorf("status %d: %s", status, body)
		}
	})
}

// testOutage takes all brokers down. A gateway that starts meanwhile lives,
// says that and why it is not ready, and becomes ready when they are back; one
// that ran before serves again.
func testOutage(t *testing.T, s *stage) {
	s.one.postMapping(t, "outage")
	for _, b := range s.cluster.Brokers() {
		b.Kill()
	}
	late := newGateway(t, "late", s.environment(nil))
	late.start(t)
	await(t, "the late gateway says why it is not ready", patience, func(ctx context.Context) error {
		if err := late.alive(); err != nil {
			return err
		}
		status, body, err := late.call(ctx, http.MethodGet, "/health/ready", nil)
		if err != nil {
			return err
		}
		if status != http.StatusServiceUnavailable || len(strings.TrimSpace(string(body))) <= len("NOTREADY") {
			return fmt.Errorf("status %d: %q; want 503 with a reason", status, body)
		}
		t.Logf("not ready: %s", body)
		return nil
	})
	if status, _, err := late.call(t.Context(), http.MethodGet, "/health/live", nil); err != nil || status != http.StatusOK {
		t.Errorf("live: status %d, %v; want 200 while it waits", status, err)
	}
	for _, b := range s.cluster.Brokers() {
		if err := b.Launch(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if err := s.cluster.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	late.awaitReady(t)
	late.awaitMapping(t, "outage", true, time.Second)
	s.one.awaitReady(t)
	s.makeTopic(t, "after-the-outage", 1)
	produce(t, s.client(t), "after-the-outage", 10)
	late.stop(t)
}
