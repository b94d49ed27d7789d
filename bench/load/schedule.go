package load

import "time"

// schedule says when each request of an open loop is due, whatever becomes of
// the others. Request n is lane n modulo lanes' to send.
type schedule struct {
	begin time.Time
	step  time.Duration
	lanes int64
	warm  int64 // the first ones, whose latencies are not counted
	total int64
}

// newSchedule is the schedule of s, kept by a number of lanes.
func newSchedule(s Spec, lanes int, begin time.Time) schedule {
	step := time.Second / time.Duration(s.PerSecond)
	return schedule{
		begin: begin,
		step:  step,
		lanes: int64(lanes),
		warm:  int64(s.Warm / step),
		total: int64((s.Warm + s.Duration) / step),
	}
}

// await waits until request n is due and returns when that was.
func (s schedule) await(n int64) time.Time {
	due := s.due(n)
	if wait := time.Until(due); wait > 0 {
		time.Sleep(wait)
	}
	return due
}

// due is when request n should be sent.
func (s schedule) due(n int64) time.Time { return s.begin.Add(time.Duration(n) * s.step) }
