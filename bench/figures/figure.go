package figures

// Figure is one kind of number a workload yields.
type Figure struct {
	Workload string `json:"workload"`
	Name     string `json:"name"`
	Unit     string `json:"unit"`
	Higher   bool   `json:"higher_is_better,omitempty"`
	Alone    bool   `json:"not_compared,omitempty"` // no ratio of it means anything
}

// Value is one number measured for one peer in one round.
type Value struct {
	Round  int     `json:"round"`
	Peer   string  `json:"peer"`
	Figure Figure  `json:"figure"`
	Number float64 `json:"number"`
}

// Spread is what several rounds said about one number.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"`
}

// Pair names a ratio: one peer's number divided by another's.
type Pair struct{ Of, To string }

// String is the pair as a reader knows it.
func (p Pair) String() string { return p.Of + " ÷ " + p.To }

// Row is one figure for all peers.
type Row struct {
	Figure Figure            `json:"figure"`
	Peers  map[string]Spread `json:"peers"`
	// Ratios are by the pair's String, taken round by round. Pairs without a common
	// round are not in it.
	Ratios map[string]Spread `json:"ratios"`
}
