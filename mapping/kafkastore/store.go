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

// Store is a mapping.Store in a compacted topic.
type Store struct {
	options Options
	log     *slog.Logger
	specs   []TopicSpec
	topic   string // of the user mappings
	client  *kgo.Client
	admin   *kadm.Client

	users     *mapping.Users
	vclusters *mapping.VClusters
	denied    *mapping.DenyList
	progress  progress
	writing   chan struct{} // holds one token: the right to write

	stop    context.CancelFunc
	stopped chan struct{}

	mu     sync.Mutex
	reason error // why not ready; nil once the log has been read to its end
	stats  mapping.StoreStats
	end    int64 // of the log, as last seen
}

var _ mapping.Store = (*Store)(nil)

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
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	first := make(chan error, 1)
	go s.follow(life, first)

	patience := time.NewTimer(s.options.FirstAttempt)
	defer patience.Stop()
	select {
	case err = <-first:
	case <-ctx.Done():
	case <-patience.C:
	}
	if errors.Is(err, ErrTopic) {
		return nil, errors.Join(err, s.Close())
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
		options:   o,
		specs:     TopicNames(o.ClusterID, o.Topics),
		users:     mapping.NewUsers(),
		vclusters: mapping.NewVClusters(),
		denied:    mapping.NewDenyList(),
		writing:   make(chan struct{}, 1),
		stopped:   make(chan struct{}),
		reason:    errors.New("kafkastore: not read yet"),
	}
	if err := checkNames(s.specs); err != nil {
		return nil, err
	}
	for _, spec := range s.specs {
		if spec.Key == UserMappings {
			s.topic = spec.Name
		}
	}
	s.log = o.Log.With("store", s.topic)
	opts := append([]kgo.Opt{}, o.Client...)
	opts = append(opts,
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(30*time.Second),
		kgo.MaxBufferedRecords(1000),
		kgo.MetadataMinAge(250*time.Millisecond), // a write after a change of leader waits this long
		kgo.RetryBackoffFn(func(tries int) time.Duration {
			return min(time.Duration(tries)*50*time.Millisecond, 250*time.Millisecond)
		}),
		kgo.RetryTimeoutFn(retryTimeout),
	)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafkastore: client: %w", err)
	}
	s.client, s.admin = client, kadm.NewClient(client)
	return s, nil
}

// retryTimeout is how long the client itself tries again before this package
// does, and so how soon Ready has a reason. A producer id takes its time on a
// young cluster: every broker first fetches a block of them.
func retryTimeout(key int16) time.Duration {
	if key == kmsg.InitProducerID.Int16() {
		return 10 * time.Second
	}
	return 2 * time.Second
}

// Put implements mapping.Store.
func (s *Store) Put(ctx context.Context, m mapping.Mapping) (created bool, err error) {
	return s.put(ctx, m, false)
}

// Create implements mapping.Store.
func (s *Store) Create(ctx context.Context, m mapping.Mapping) error {
	_, err := s.put(ctx, m, true)
	return err
}

func (s *Store) put(ctx context.Context, m mapping.Mapping, fresh bool) (created bool, err error) {
	if m, err = m.Validate(); err != nil {
		return false, err // before anything is asked of the brokers
	}
	err = s.inTurn(ctx, func(epoch int) error {
		a, outcome, err := s.state().AdmitMapping(m, fresh)
		if err != nil {
			return err
		}
		m, created = a.Mapping(), outcome == mapping.Created
		value, err := encodeValue(m, s.options.Now())
		if err != nil {
			return err
		}
		key, err := encodeKey(name{m.VCluster, m.Username})
		if err != nil {
			return err
		}
		return s.write(ctx, epoch, key, value)
	})
	return created && err == nil, err
}

func (s *Store) state() mapping.State {
	return mapping.State{Users: s.users, VClusters: s.vclusters, Denied: s.denied}
}

// Delete implements mapping.Store.
func (s *Store) Delete(ctx context.Context, vcluster, username string) error {
	if vcluster == "" {
		vcluster = mapping.Passthrough
	}
	return s.inTurn(ctx, func(epoch int) error {
		if err := s.state().AdmitDeletion(vcluster, username, true); err != nil {
			return err
		}
		key, err := encodeKey(name{vcluster, username})
		if err != nil {
			return err
		}
		return s.write(ctx, epoch, key, nil)
	})
}

// inTurn calls act when no other write of this gateway is under way and Users
// holds everything that any gateway had written when inTurn was called: what
// act decides from Users is then wrong only if another gateway writes at the
// same moment.
func (s *Store) inTurn(ctx context.Context, act func(epoch int) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return fmt.Errorf("kafkastore: wait for other writes: %w", ctx.Err())
	}
	if err := s.Ready(); err != nil {
		if errors.Is(err, mapping.ErrClosed) {
			return err
		}
		return fmt.Errorf("%w: %w", mapping.ErrNotReady, err)
	}
	_, epoch := s.progress.now()
	end, err := listOffset(ctx, s.client, s.topic, toEnd)
	if errors.Is(err, kgo.ErrClientClosed) {
		return mapping.ErrClosed
	}
	if err != nil {
		return err
	}
	if err := s.progress.wait(ctx, epoch, end); err != nil {
		return err
	}
	return act(epoch)
}

// write appends one record and returns when Users or DenyList holds it.
func (s *Store) write(ctx context.Context, epoch int, key, value []byte) error {
	type outcome struct {
		offset int64
		err    error
	}
	// The promise may come long after ctx: a batch on its way cannot be
	// called back.
	promised := make(chan outcome, 1)
	record := &kgo.Record{Topic: s.topic, Partition: 0, Key: key, Value: value}
	s.client.Produce(ctx, record, func(r *kgo.Record, err error) { promised <- outcome{r.Offset, err} })
	select {
	case <-ctx.Done():
		return fmt.Errorf("kafkastore: write %s: %w", key, ctx.Err())
	case o := <-promised:
		if errors.Is(o.err, kgo.ErrClientClosed) {
			return mapping.ErrClosed
		}
		if o.err != nil {
			return fmt.Errorf("kafkastore: write %s: %w", key, o.err)
		}
		return s.progress.wait(ctx, epoch, o.offset+1)
	}
}

// Users implements mapping.Store.
func (s *Store) Users() *mapping.Users { return s.users }

// Ready implements mapping.Store. Once nil it stays so until Close: brokers
// that go away later leave in force what was read.
func (s *Store) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// Stats implements mapping.Store.
func (s *Store) Stats() mapping.StoreStats {
	position, _ := s.progress.now()
	s.mu.Lock()
	st := s.stats
	st.Lag = max(0, s.end-position)
	s.mu.Unlock()
	st.Position = position
	st.Mappings, st.Shadowed, st.Denied = s.users.Len(), s.users.Shadowed(), s.denied.Len()
	return st
}

// Close ends the following and the client. Writes under way fail with
// mapping.ErrClosed. It may be called again.
func (s *Store) Close() error {
	s.stop()
	<-s.stopped
	s.mu.Lock()
	s.reason = mapping.ErrClosed
	s.mu.Unlock()
	s.progress.close(mapping.ErrClosed)
	s.client.Close()
	return nil
}
