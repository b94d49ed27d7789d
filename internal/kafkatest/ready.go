package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// askTimeout bounds one question, askAgain is the pause before the next.
const (
	askTimeout = 5 * time.Second
	askAgain   = 100 * time.Millisecond
)

// AwaitReady returns when every running broker names all running brokers and a
// controller, or with the last reason when ctx ends or a broker has died.
func (c *Cluster) AwaitReady(ctx context.Context) error {
	running := 0
	for _, b := range c.brokers {
		if b.process != nil {
			running++
		}
	}
	for _, b := range c.brokers {
		if b.process == nil {
			continue
		}
		if err := b.awaitReady(ctx, running); err != nil {
			return err
		}
	}
	return nil
}

// awaitReady asks one broker until it knows itself, a controller and at least
// want brokers.
func (b *Broker) awaitReady(ctx context.Context, want int) error {
	died := b.process.Done()
	return Await(ctx, fmt.Sprintf("kafkatest: broker %d is ready", b.ID), func(ctx context.Context) error {
		select {
		case <-died:
			return fmt.Errorf("kafkatest: broker %d: ended: %w", b.ID, errors.Join(ErrGivenUp, b.process.Err()))
		default:
		}
		return b.ask(ctx, want)
	})
}

// ask is one round trip: a Metadata request without topics.
func (b *Broker) ask(ctx context.Context, want int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.RequestRetries(0), kgo.DialTimeout(askTimeout))
	if err != nil {
		return err
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	self := false
	for _, known := range response.Brokers {
		self = self || int(known.NodeID) == b.ID
	}
	if !self || len(response.Brokers) < want || response.ControllerID < 0 {
		return fmt.Errorf("knows %d of %d brokers, itself %t, controller %d",
			len(response.Brokers), want, self, response.ControllerID)
	}
	return nil
}

// ErrGivenUp in the chain of a condition's error ends Await at once.
var ErrGivenUp = errors.New("given up")

// Await asks a condition until it holds (nil), until ctx ends or until the
// condition answers with ErrGivenUp. The error carries the last answer. One
// question gets at most five seconds.
func Await(ctx context.Context, what string, condition func(context.Context) error) error {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		once, cancel := context.WithTimeout(ctx, askTimeout)
		err := condition(once)
		cancel()
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrGivenUp) {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; the last answer was: %w", what, ctx.Err(), err)
		case <-tick.C:
		}
	}
}
