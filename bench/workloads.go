package main

import (
	"context"
	"slices"

	"github.com/postern-kafka/postern/bench/load"
)

// workload is one kind of measurement: what it does to a peer in a round. It
// returns errNotMeasured where it means nothing for that peer.
type workload struct {
	name    string
	once    bool // takes long and varies little: the first round has it alone
	measure func(s *stage, ctx context.Context, p *peer, round int) (measurement, error)
}

// javaTools is the workload that is not load's: Kafka's own performance tools.
const javaTools = "java"

// workloads are all there are, in the order in which a round does them: those
// that share a front come together.
var workloads = []workload{
	{name: load.Produce, measure: measureWriting(load.Produce, front{})},
	{name: load.Fetch, measure: measureReading(load.Fetch, front{})},
	{name: load.PingPong, measure: measureReading(load.PingPong, front{})},
	{name: load.OpenLoop, measure: measureWriting(load.OpenLoop, front{})},
	{name: javaTools, measure: (*stage).measureJava},
	{name: "storm", measure: (*stage).measureStorm},
	{name: "hostile", measure: (*stage).measureHostile},
	{name: "plain-produce", measure: measureWriting(load.Produce, plainFront)},
	{name: "plain-fetch", measure: measureReading(load.Fetch, plainFront)},
	{name: "churn", measure: (*stage).measureChurn},
	{name: "logins", measure: (*stage).measureLogins},
	{name: load.Failing, measure: (*stage).measureFailing},
	{name: "handshakes", measure: (*stage).measureHandshakes},
	{name: "metadata", measure: (*stage).measureMetadata},
	{name: load.Idle, measure: (*stage).measureIdle},
	{name: "retained", once: true, measure: (*stage).measureRetained},
	{name: "growth", measure: (*stage).measureGrowth},
}

// workloadNames are the names of all workloads.
func workloadNames() []string {
	names := make([]string, 0, len(workloads))
	for _, w := range workloads {
		names = append(names, w.name)
	}
	return names
}

// chosen are the workloads of a run, in order.
func (o options) chosen() []workload {
	return slices.DeleteFunc(slices.Clone(workloads), func(w workload) bool { return !slices.Contains(o.Workloads, w.name) })
}
