package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// javaTimeout bounds one run of a Java tool.
const javaTimeout = 5 * time.Minute

// measureJava writes and reads a topic with Kafka's own performance tools.
func (s *stage) measureJava(ctx context.Context, p *peer, round int) (m measurement, err error) {
	if p.name == floor {
		return m, errNotMeasured // they are to speak TLS
	}
	if err := s.standReady(ctx, p, front{}); err != nil {
		return m, err
	}
	records := s.options.records(s.options.JavaGB)
	gigabytes := float64(records) * float64(s.options.RecordBytes) / 1e9
	topic := fmt.Sprintf("bench-java-%s-%d", p.name, round)
	if err := s.makeTopic(ctx, topic, s.options.Clients); err != nil {
		return m, err
	}
	first, err := s.read(p)
	if err != nil {
		return m, err
	}
	wrote, err := s.javaProduce(ctx, p, topic, records)
	if err != nil {
		return m, err
	}
	middle, err := s.read(p)
	if err != nil {
		return m, err
	}
	if stored, err := s.stored(ctx, topic); err != nil || stored != records {
		return m, fmt.Errorf("the broker stored %d of %d records: %w", stored, records, errors.Join(err, load.ErrWrong))
	}
	read, err := s.javaConsume(ctx, p, topic, records)
	if err != nil {
		return m, err
	}
	last, err := s.read(p)
	if err != nil {
		return m, err
	}
	m.shares(first, last)
	m.addHigher("producer-perf-test", "MB/s", wrote)
	m.addHigher("consumer-perf-test", "MB/s", read)
	if p.between() {
		m.add("CPU per GB, producer", "s/GB", (middle.peer.CPU-first.peer.CPU).Seconds()/gigabytes)
		m.add("CPU per GB, consumer", "s/GB", (last.peer.CPU-middle.peer.CPU).Seconds()/gigabytes)
	}
	return m, s.dropTopic(ctx, topic)
}

// javaProduce runs kafka-producer-perf-test with the producer's default settings
// and returns its MB/s, of 10^6 bytes.
func (s *stage) javaProduce(ctx context.Context, p *peer, topic string, records int64) (float64, error) {
	out, err := runJava(ctx, "kafka-producer-perf-test",
		"--topic", topic, "--num-records", strconv.FormatInt(records, 10),
		"--record-size", strconv.Itoa(s.options.RecordBytes), "--throughput", "-1",
		"--bootstrap-server", p.addr(p.front), "--command-config", s.clientConfig())
	if err != nil {
		return 0, err
	}
	return parseProducer(out, records, s.options.RecordBytes)
}

// javaConsume runs kafka-consumer-perf-test and returns its MB/s, of 10^6 bytes,
// without the time its group took to form.
func (s *stage) javaConsume(ctx context.Context, p *peer, topic string, records int64) (float64, error) {
	out, err := runJava(ctx, "kafka-consumer-perf-test",
		"--topic", topic, "--num-records", strconv.FormatInt(records, 10),
		"--bootstrap-server", p.addr(p.front), "--command-config", s.clientConfig(),
		"--group", topic, "--timeout", "60000")
	if err != nil {
		return 0, err
	}
	return parseConsumer(out, records, s.options.RecordBytes)
}

// runJava runs a tool and returns what it printed.
func runJava(ctx context.Context, tool string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, javaTimeout)
	defer cancel()
	out, errOut, err := kafkatest.RunTool(ctx, toolsVersion, nil, tool, args...)
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", tool, err, out, errOut)
	}
	return out, nil
}

// producerEnd is the last line of kafka-producer-perf-test.
var producerEnd = regexp.MustCompile(`(?m)^(\d+) records sent, ([\d.]+) records/sec`)

// parseProducer reads the throughput of the whole run: earlier lines, one for
// every five seconds, look the same but count fewer records.
func parseProducer(out string, records int64, size int) (float64, error) {
	for _, line := range producerEnd.FindAllStringSubmatch(out, -1) {
		n, err := strconv.ParseInt(line[1], 10, 64)
		if err != nil || n != records {
			continue
		}
		perSecond, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			return 0, fmt.Errorf("kafka-producer-perf-test: %q: %w", line[0], err)
		}
		return perSecond * float64(size) / 1e6, nil
	}
	return 0, fmt.Errorf("kafka-producer-perf-test: no line about %d records in: %s: %w", records, out, load.ErrWrong)
}

// parseConsumer reads the throughput of kafka-consumer-perf-test from its one
// line of values, by the names in the line above it.
func parseConsumer(out string, records int64, size int) (float64, error) {
	var names []string
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), ", ")
		if fields[0] == "start.time" {
			names = fields
			continue
		}
		if len(names) == 0 || len(fields) != len(names) {
			continue
		}
		values := make(map[string]float64, len(names))
		for i, name := range names {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				values[name] = v
			}
		}
		if int64(values["data.consumed.in.nMsg"]) < records || values["fetch.nMsg.sec"] <= 0 {
			return 0, fmt.Errorf("kafka-consumer-perf-test: not %d records: %s: %w", records, line, load.ErrWrong)
		}
		return values["fetch.nMsg.sec"] * float64(size) / 1e6, nil
	}
	return 0, fmt.Errorf("kafka-consumer-perf-test: no line of values in: %s: %w", out, load.ErrWrong)
}
