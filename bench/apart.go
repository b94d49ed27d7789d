package main

import (
	"errors"
	"os"

	"github.com/postern-kafka/postern/bench/procstat"
)

// apart measures with the peer alone on one processor and everything else of the run, broker
// and load, on the others. What the peer's work costs by itself is seen there: on shared
// processors, thousands of connections of the load and of the broker take their places in
// its caches, too. A machine with but one processor cannot do it.
func (s *stage) apart(p *peer, measure func() (measurement, error)) (m measurement, err error) {
	all, err := procstat.Processors()
	if err != nil {
		return m, err
	}
	if len(all) < 2 {
		return m, errNotMeasured
	}
	family := []int{os.Getpid(), s.broker.Pid()} // a broker in a container is nobody's child here
	confine := func(processors []int) error {
		for _, pid := range family {
			if err := procstat.Confine(pid, processors); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() { err = errors.Join(err, confine(all)) }()
	if err := confine(all[1:]); err != nil {
		return m, err
	}
	if err := procstat.Confine(p.pid(s), all[:1]); err != nil {
		return m, err
	}
	return measure()
}
