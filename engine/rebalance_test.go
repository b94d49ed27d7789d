package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRebalance(t *testing.T) {
	spread := func(from, to int, share float64) string { return fmt.Sprintf("%d to %d: %.2f", from, to, share) }
	gathered := func(from, to int) string { return spread(from, to, 0) }
	for name, c := range map[string]struct {
		busy []float64
		want string
	}{
		"nothing anywhere":            {[]float64{0, 0}, ""},
		"one loop":                    {[]float64{0.9}, ""},
		"one works, not too much":     {[]float64{0.5, 0}, ""},
		"one works too much":          {[]float64{0, 0.8}, spread(1, 0, 0.5)},
		"to the one that works least": {[]float64{0.3, 0.8, 0.2}, spread(1, 2, 0.375)},
		"all work too much":           {[]float64{0.9, 0.8}, ""},
		"little work on two":          {[]float64{0.2, 0.1}, gathered(1, 0)},
		"what was spread stays":       {[]float64{0.31, 0.3}, ""},
		"the smallest to the largest": {[]float64{0.02, 0.1, 0.2, 0.01}, gathered(3, 2)},
		"no fuller than it may be":    {[]float64{0.39, 0.1, 0.2}, gathered(1, 2)},
		"no work for those that rest": {[]float64{0.1, 0.001, 0}, ""},
	} {
		got := ""
		if p, needed := rebalance(c.busy); needed {
			got = spread(p.from, p.to, p.share)
		}
		if got != c.want {
			t.Errorf("%s: %v: %q, want %q", name, c.busy, got, c.want)
		}
	}
}

// Whatever sessions there are, after a while none moves any more.
func TestRebalanceComesToRest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		at, work := make([]int, 1+random.IntN(60)), []float64{}
		loops := 1 + random.IntN(8)
		for i := range at {
			at[i] = random.IntN(loops)
			work = append(work, math.Pow(random.Float64(), 4)*0.7)
		}
		stays := make([]uint32, len(at))
		rested := uint32(0)
		for window := uint32(1); window <= 200; window++ {
			busy, active := make([]float64, loops), make([]int, loops)
			for i, lp := range at {
				busy[lp] += work[i]
				active[lp]++
			}
			p, needed := rebalance(busy)
			left, o := math.MaxInt, order{window: window}
			if p.share > 0 {
				left, o.stays = int(p.share*float64(active[p.from])), window+staysFor
			}
			rested++
			for needed && left > 0 {
				i := chooseByWork(random, work, func(i int) bool { return at[i] == p.from && int32(window-stays[i]) >= 0 })
				if i < 0 {
					break
				}
				at[i], stays[i], rested = p.to, o.stays, 0
				left--
			}
		}
		if rested < 50 {
			t.Errorf("round %d: %d sessions on %d loops: one moved %d windows ago", round, len(at), loops, rested)
		}
	}
}

// chooseByWork returns one of those that may move, the sooner the more it works: it is the next to
// have an event. -1 if there is none.
func chooseByWork(random *rand.Rand, work []float64, may func(i int) bool) int {
	sum := 0.0
	for i, w := range work {
		if may(i) {
			sum += w
		}
	}
	last, at := -1, random.Float64()*sum
	for i, w := range work {
		if may(i) {
			last = i
			if at -= w; at < 0 {
				break
			}
		}
	}
	return last
}
