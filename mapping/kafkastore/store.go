package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/mapping"
)

// Options say where the log is and how it is kept. Client and ClusterID are
// needed; every other zero value is a usable default.
type Options struct {
	// Client reaches the brokers: seeds, TLS, SASL, client id. What the store
	// relies on (acks, partitioner, retries) it sets itself.
	Client []kgo.Opt
	// ClusterID is GATEWAY_CLUSTER_ID, a part of the topics' names.
	ClusterID string
	// Topics are names that differ from the usual, by TopicSpec.Key.
	Topics map[string]string
	// ReplicationFactor is for topics that are created; 0 and -1 leave it to
	// the broker.
	ReplicationFactor int16
	// Refresh is how often the whole log is read again (GATEWAY_STORE_TTL_MS);
	// 0 is never.
	Refresh time.Duration
	// FirstAttempt bounds how long Open waits for the first reading to be
	// complete; 0 is three seconds.
	FirstAttempt time.Duration
	// Log receives what happened; nil is silence.
	Log *slog.Logger
	// Now is the clock for Refresh and for the time noted in records; nil is
	// time.Now.
	Now func() time.Time
}

// Store is a mapping.Store in compacted topics.
type Store struct {
	options Options
	log     *slog.Logger
	specs   []TopicSpec
	client  *kgo.Client
	admin   *kadm.Client
	state   mapping.State

	accounts  *follower
	groups    *follower
	vclusters *follower

	writing chan struct{} // holds one token: the right to write, and to scribe
	scribe  scribe

	life context.Context // ends with Close
	stop context.CancelFunc

	preparing sync.Mutex
	prepared  bool // the topics have been looked at

	mu     sync.Mutex
	closed bool
	stats  mapping.StoreStats
}

var _ mapping.Store = (*Store)(nil)

func (s *Store) followers() [3]*follower { return [...]*follower{s.accounts, s.groups, s.vclusters} }

// Open starts a store. It returns as soon as the log has been read to its end,
// and otherwise after FirstAttempt or when ctx is done, with a store that goes
// on trying and says in Ready why it is not there yet: brokers that are down
// are no error. Errors are options that cannot work and, if found in time, a
// topic that must not be used (*TopicError). ctx does not bound the store's
// life; Close ends it.
func Open(ctx context.Context, options Options) (*Store, error) {
	s, err := prepare(options)
	if err != nil {
		return nil, err
	}
	s.life, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	first := make(chan error, len(s.followers()))
	for _, f := range s.followers() {
		go f.follow(s.life, first)
	}
	patience := time.NewTimer(s.options.FirstAttempt)
	defer patience.Stop()
	for range s.followers() {
		select {
		case err = <-first:
		case <-ctx.Done():
		case <-patience.C:
			return s, nil
		}
		if errors.Is(err, ErrTopic) {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func prepare(o Options) (*Store, error) {
	if o.ClusterID == "" {
		return nil, errors.New("kafkastore: ClusterID: must not be empty (GATEWAY_CLUSTER_ID)")
	}
	if o.ReplicationFactor == 0 {
		o.ReplicationFactor = -1
	}
	if o.FirstAttempt == 0 {
		o.FirstAttempt = 3 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		options: o,
		log:     o.Log,
		specs:   TopicNames(o.ClusterID, o.Topics),
		state:   mapping.NewState(),
		writing: make(chan struct{}, 1),
	}
	if err := checkNames(s.specs); err != nil {
		return nil, err
	}
	opts := append([]kgo.Opt{}, o.Client...)
	opts = append(opts,
		kgo.MaxVersions(versions()),
		kgo.MetadataMinAge(250*time.Millisecond), // a write after a change of leader waits this long
		kgo.RetryBackoffFn(func(tries int) time.Duration {
			return min(time.Duration(tries)*50*time.Millisecond, 250*time.Millisecond)
		}),
		kgo.RetryTimeoutFn(retryTimeout),
	)
	if err := s.connect(opts); err != nil {
		return nil, err
	}
	s.scribe = scribe{client: s.client, id: TransactionalID(o.ClusterID), now: o.Now}
	return s, nil
}

// connect makes the clients. A broker works on one request of a connection at a
// time, and a fetch may wait there: each log is read by a client of its own.
func (s *Store) connect(opts []kgo.Opt) error {
	var clients [3]*kgo.Client
	for i := range clients {
		client, err := kgo.NewClient(opts...)
		if err != nil {
			return fmt.Errorf("kafkastore: client: %w", err)
		}
		clients[i] = client
	}
	s.client, s.admin = clients[0], kadm.NewClient(clients[0])
	s.accounts = s.newFollower(clients[0], UserMappings, "mappings", &accounts{state: s.state, contest: s.contested})
	s.groups = s.newFollower(clients[1], Groups, "groups", newGroups(s.state.Users.Groups()))
	s.vclusters = s.newFollower(clients[2], VClusters, "virtual clusters", newVClusters(s.state.VClusters))
	return nil
}

func (s *Store) newFollower(client *kgo.Client, key, what string, c content) *follower {
	f := &follower{
		store: s, client: client, what: what, content: c,
		stopped: make(chan struct{}), woken: make(chan struct{}, 1), reason: errors.New("kafkastore: not read yet"),
	}
	for _, spec := range s.specs {
		if spec.Key == key {
			f.topic = spec.Name
		}
	}
	return f
}

// contested notes that an account took a principal from another one.
func (s *Store) contested(c mapping.Change, rival mapping.Mapping) {
	s.mu.Lock()
	s.stats.Conflicts++
	s.mu.Unlock()
	s.log.Warn("mapping shadowed by a later one", "principal", rival.Principal, "offset", c.Order,
		"username", c.Account.Username, "vcluster", c.Account.VCluster,
		"shadowed_username", rival.Username, "shadowed_vcluster", rival.VCluster)
}

// retryTimeout is how long the client itself tries again before this package
// does, and so how soon Ready has a reason. A producer id takes its time on a
// young cluster: every broker first fetches a block of them, and the topic of the
// transactions is made for the first one that has any.
func retryTimeout(key int16) time.Duration {
	if key == kmsg.InitProducerID.Int16() || key == kmsg.FindCoordinator.Int16() {
		return 10 * time.Second
	}
	return 2 * time.Second
}

// Users implements mapping.Store.
func (s *Store) Users() *mapping.Users { return s.state.Users }

// Groups implements mapping.Store.
func (s *Store) Groups() *mapping.Groups { return s.state.Users.Groups() }

// VClusters implements mapping.Store.
func (s *Store) VClusters() *mapping.VClusters { return s.state.VClusters }

// Ready implements mapping.Store. Once nil it stays so until Close: brokers
// that go away later leave in force what was read.
func (s *Store) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return mapping.ErrClosed
	}
	for _, f := range s.followers() {
		if f.reason != nil {
			return f.reason
		}
	}
	return nil
}

// Stats implements mapping.Store.
func (s *Store) Stats() mapping.StoreStats {
	st := s.state.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.stats
	st.Records, st.Skipped, st.Conflicts = of.Records, of.Skipped, of.Conflicts
	st.Rereads, st.Failures, st.Fenced = of.Rereads, of.Failures, of.Fenced
	for _, f := range s.followers() {
		position, _ := f.progress.now()
		st.Lag += max(0, f.end-position)
	}
	st.Position, _ = s.accounts.progress.now()
	return st
}

// Close ends the following and the client. Writes under way fail with
// mapping.ErrClosed. It may be called again.
func (s *Store) Close() error {
	s.stop()
	for _, f := range s.followers() {
		<-f.stopped
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, f := range s.followers() {
		f.progress.close(mapping.ErrClosed)
	}
	s.writing <- struct{}{} // a write under way comes to its end
	<-s.writing
	for _, f := range s.followers() {
		f.client.Close()
	}
	return nil
}
