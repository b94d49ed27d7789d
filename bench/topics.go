package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

const (
	// fetchTopic is filled once and read by every peer in every round.
	fetchTopic = "bench-fetch"
	// quietTopic has one partition nobody writes to.
	quietTopic = "bench-quiet"
	// warmTopic takes records that do not count, and goes.
	warmTopic = "bench-warm"
)

// makeTopic creates a topic that lives on the one broker.
func (s *stage) makeTopic(ctx context.Context, topic string, partitions int) error {
	if _, err := s.admin.CreateTopic(ctx, int32(partitions), 1, nil, topic); err != nil {
		return fmt.Errorf("bench: topic %s: %w", topic, err)
	}
	// A topic is created before its leader has heard of it: wait until the leader
	// answers for every partition.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return kafkatest.Await(ctx, "bench: topic "+topic+" has leaders", func(ctx context.Context) error {
		stored, err := s.stored(ctx, topic)
		if err == nil && stored != 0 {
			return fmt.Errorf("%d records in a new topic: %w", stored, kafkatest.ErrGivenUp)
		}
		return err
	})
}

// dropTopic deletes a topic; that it was there is the caller's business.
func (s *stage) dropTopic(ctx context.Context, topic string) error {
	answers, err := s.admin.DeleteTopics(ctx, topic)
	if err = errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("bench: topic %s: delete: %w", topic, err)
	}
	return nil
}

// stored is how many records the broker holds of a topic.
func (s *stage) stored(ctx context.Context, topic string) (int64, error) {
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return 0, fmt.Errorf("bench: topic %s: end offsets: %w", topic, err)
	}
	var sum int64
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum, nil
}
