package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/mapping/kafkastore"
)

// measureGrowth compares what the gateway's work costs when there is one of
// something and when there are many: connections, topics, mappings. Its numbers
// are ratios within a round.
func (s *stage) measureGrowth(ctx context.Context, p *peer, _ int) (measurement, error) {
	if p.name != postern {
		return s.growConnections(ctx, p)
	}
	var all measurement
	for _, grow := range []func(*stage, context.Context, *peer) (measurement, error){
		(*stage).growConnections, (*stage).growTopics, (*stage).growMappings,
	} {
		m, err := grow(s, ctx, p)
		if err != nil {
			return all, err
		}
		all.also(m)
	}
	return all, nil
}

// growConnections asks one question at a time, always on the same connection or
// going round thousands. With one for each loop, the loops take turns as they do with
// thousands; with one, a single loop stays awake. Other peers show what of it is the
// machine's: thousands of sockets are in no cache. What is the peer's own shows where the
// load and the broker, with as many sockets, have other processors.
func (s *stage) growConnections(ctx context.Context, p *peer) (measurement, error) {
	of := front{key: ecdsa}
	if !p.endsTLS(of) {
		return measurement{}, errNotMeasured
	}
	if err := s.standFresh(ctx, p, of); err != nil {
		return measurement{}, err
	}
	counts := []int64{1, int64(s.options.Threads), int64(s.options.Idle)}
	measure := func(cost string, counts []int64) (measurement, error) {
		return s.grow(cost, "connections", counts, func(n int64) (measurement, float64, error) {
			return s.oneAtATime(ctx, p, int(n))
		})
	}
	m, err := measure("CPU per request", counts)
	if err != nil {
		return m, err
	}
	alone, err := s.apart(p, func() (measurement, error) {
		return measure("CPU per request, alone on a processor", []int64{1, int64(s.options.Idle)})
	})
	if err != nil && !errors.Is(err, errNotMeasured) {
		return m, err
	}
	m.also(alone)
	if p.name != postern {
		return m, nil
	}
	seconds, err := s.sample(ctx, longestStop)
	if err != nil {
		return m, err
	}
	m.addAlone(fmt.Sprintf("longest stop for a collection, while %d connections are made", s.options.Idle), "ms", 1e3*seconds)
	stops, err := s.measureStops(ctx, p)
	m.also(stops)
	return m, err
}

// longestStop is for how long, in seconds, one of the last collections stopped
// everything at most. All of them come while the connections are made.
const longestStop = `go_gc_duration_seconds{quantile="1"}`

const (
	// acquainted is how many requests a connection has had before it is measured. With the first
	// ones the kernel confirms each segment at once and learns how much the path takes: they cost
	// more, and those who have many connections do not have them for two requests each.
	acquainted = 8
	// visits is how often each of many connections is asked.
	visits = 3
)

// oneAtATime is a ping-pong of one lane over a number of connections.
func (s *stage) oneAtATime(ctx context.Context, p *peer, connections int) (measurement, float64, error) {
	spec := s.spec(p, load.PingPong)
	spec.Topic, spec.Connections, spec.Lanes, spec.Before = quietTopic, connections, 1, acquainted
	spec.Requests = max(1, s.options.Requests/16, visits*int64(connections))
	return s.perRequest(ctx, p, spec)
}

// growTopics has a cluster's topics asked for: the answer grows, and with it what
// is read and written.
func (s *stage) growTopics(ctx context.Context, p *peer) (measurement, error) {
	bytes := map[int64]float64{}
	m, err := s.grow("CPU per Metadata answer", "topics", []int64{1, clusterTopics}, func(n int64) (measurement, float64, error) {
		answers := s.options.Answers
		if n == 1 {
			answers *= 20
		}
		m, cpu, err := s.metadataAnswers(ctx, p, front{}, int(n), answers)
		bytes[n] = float64(m.outcome.Bytes) / float64(max(1, m.outcome.Requests))
		return m, cpu, err
	})
	if err == nil {
		m.addAlone(fmt.Sprintf("size of a Metadata answer, %d ÷ 1 topics", clusterTopics), "×", bytes[clusterTopics]/bytes[1])
	}
	return m, err
}

// growMappings compares a gateway that knows one user with one that knows a
// million: requests on a connection that stands, and new connections, for which
// the user is looked up.
func (s *stage) growMappings(ctx context.Context, p *peer) (measurement, error) {
	counts := []int64{1, s.options.Mappings}
	stand := func(n int64) error {
		cluster, err := s.mapUsers(ctx, p, n)
		if err != nil {
			return err
		}
		return s.standFresh(ctx, p, front{key: ecdsa, cluster: cluster})
	}
	m, err := s.grow("CPU per request", "mappings", counts, func(n int64) (measurement, float64, error) {
		if err := stand(n); err != nil {
			return measurement{}, 0, err
		}
		still, err := s.settled(ctx, p.pid(s))
		if err != nil {
			return measurement{}, 0, err
		}
		m, cpu, err := s.oneAtATime(ctx, p, 1)
		m.addAlone(fmt.Sprintf("memory, %d mappings", n), "MB", float64(still.PSS)/1e6)
		return m, cpu, err
	})
	if err != nil {
		return m, err
	}
	connections, err := s.grow("CPU per connection", "mappings", counts, func(n int64) (measurement, float64, error) {
		if err := stand(n); err != nil {
			return measurement{}, 0, err
		}
		spec := s.spec(p, load.Connect)
		spec.Connections, spec.Requests = 0, s.options.Handshakes
		return s.perRequest(ctx, p, spec)
	})
	m.also(connections)
	return m, err
}

// grow measures a cost with few of something and with many. The last count is divided by each
// before it. What comes first after a start may cost half, whatever it is, so the first is
// measured once without counting.
func (s *stage) grow(cost, of string, counts []int64, measure func(n int64) (measurement, float64, error)) (measurement, error) {
	var all measurement
	counts = slices.Compact(counts)
	costs := map[int64]float64{}
	taken := map[int64]measurement{}
	for _, n := range append(counts[:1:1], counts...) {
		m, cpu, err := measure(n)
		if err != nil {
			return all, fmt.Errorf("%d %s: %w", n, of, err)
		}
		costs[n], taken[n] = cpu, m
	}
	many := counts[len(counts)-1]
	for _, n := range counts {
		all.addAlone(fmt.Sprintf("%s, %d %s", cost, n, of), "µs", costs[n])
		all.also(taken[n])
		if n != many {
			all.addAlone(fmt.Sprintf("%s, %d ÷ %d %s", cost, many, n, of), "×", costs[many]/costs[n])
		}
	}
	return all, nil
}

// mapUsers fills the mappings of a gateway cluster of its own, once, and returns
// its id. The topic is made by the gateway itself, the records are written past it:
// a million requests to its API would take longer than the measurement.
func (s *stage) mapUsers(ctx context.Context, p *peer, n int64) (string, error) {
	id := fmt.Sprintf("bench%d", n)
	var topic string
	for _, spec := range kafkastore.TopicNames(id, nil) {
		if spec.Key == kafkastore.UserMappings {
			topic = spec.Name
		}
	}
	if stored, err := s.stored(ctx, topic); err == nil && stored >= n {
		return id, nil
	}
	if err := s.standFresh(ctx, p, front{cluster: id}); err != nil {
		return "", err
	}
	p.stop()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return "", fmt.Errorf("bench: mappings: %w", err)
	}
	defer client.Close()
	failed := make(chan error, 1)
	for i := range n {
		client.Produce(ctx, mappingRecord(i), func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return "", fmt.Errorf("bench: mappings: %w", err)
	}
	select {
	case err := <-failed:
		return "", fmt.Errorf("bench: mappings: %w", err)
	default:
		return id, nil
	}
}

// mappingRecord is what the gateway would store for user n. User 0 is who the
// load says it is.
func mappingRecord(n int64) *kgo.Record {
	principal := fmt.Sprintf("CN=user-%d", n)
	if n == 0 {
		principal = "CN=bench"
	}
	return &kgo.Record{
		Key:   fmt.Appendf(nil, `{"vcluster":"passthrough","username":"user-%d"}`, n),
		Value: fmt.Appendf(nil, `{"v":1,"principal":%q,"groups":[]}`, principal),
	}
}
