package kafkastore

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/mapping"
)

// content is what a log is about. It takes records in the log's order: aside,
// from begin until handOver puts all of it in force at once, and then each at
// once. Only the goroutine that follows the log calls it.
type content interface {
	begin()
	// take works through one record. An error says that it could not be read,
	// not that it had no effect: see doc.go.
	take(record *kgo.Record) error
	// handOver returns what a log line says about it.
	handOver() []any
}

// accounts are the accounts and the deny-list, which share a log.
type accounts struct {
	state   mapping.State
	contest func(mapping.Change, mapping.Mapping) // told of a principal taken from a rival
	aside   *mapping.Users                        // nil once in force
	denied  denials
}

func (c *accounts) begin() { c.aside, c.denied = mapping.NewUsers(), make(denials) }

func (c *accounts) take(record *kgo.Record) error {
	if isDenial(record.Key) {
		return c.takeDenial(record)
	}
	change, err := decodeChange(record)
	if change.Account.Username == "" {
		return err
	}
	if c.aside != nil {
		c.aside.Apply(change)
	} else if e := c.state.Users.Apply(change); e.Contested {
		c.contest(change, e.Rival)
	}
	return err
}

// decodeChange turns a record into a change. With an error the change is a
// deletion if it is known whose record it is, and empty if not: doc.go says why.
func decodeChange(record *kgo.Record) (mapping.Change, error) {
	n, err := decodeKey(record.Key)
	if err != nil {
		return mapping.Change{}, err
	}
	gone := mapping.Change{
		Account: mapping.Account{VCluster: n.VCluster, Username: n.Username},
		Deleted: true,
		Order:   record.Offset,
	}
	if record.Value == nil {
		return gone, nil
	}
	a, err := decodeAccount(n, record.Value)
	if err != nil {
		return gone, err
	}
	return mapping.Change{Account: a, Order: record.Offset}, nil
}

func (c *accounts) takeDenial(record *kgo.Record) error {
	f, err := decodeDeniedKey(record.Key)
	if err != nil {
		return err
	}
	if record.Value == nil {
		if c.aside != nil {
			delete(c.denied, f)
		} else {
			c.state.Denied.Remove(f)
		}
		return nil
	}
	d, err := decodeDeniedValue(f, record.Value)
	if c.aside != nil {
		c.denied[f] = d
	} else {
		c.state.Denied.Put(d)
	}
	return err
}

func (c *accounts) handOver() []any {
	c.state.Denied.Replace(c.denied.all()) // first: whom it bars must not be let in by a mapping
	c.state.Users.Adopt(c.aside)
	c.aside, c.denied = nil, nil
	return []any{"mappings", c.state.Users.Len(), "shadowed", c.state.Users.Shadowed(), "denied", c.state.Denied.Len()}
}

// resources are groups or virtual clusters: one record for each, under a key of
// its name alone.
type resources[T any] struct {
	label   string
	whose   func(key []byte) (string, error)
	decode  func(name string, value []byte) (T, error)
	put     func(T)
	remove  func(name string) bool
	replace func([]T)
	aside   map[string]T // nil once in force
}

func (c *resources[T]) begin() { c.aside = make(map[string]T) }

// take leaves a name without anything when its value cannot be read: whatever it
// replaced may be gone at the next compaction.
func (c *resources[T]) take(record *kgo.Record) error {
	name, err := c.whose(record.Key)
	if err != nil {
		return err
	}
	var v T
	if record.Value != nil {
		v, err = c.decode(name, record.Value)
	}
	gone := record.Value == nil || err != nil
	switch {
	case c.aside != nil && gone:
		delete(c.aside, name)
	case c.aside != nil:
		c.aside[name] = v
	case gone:
		c.remove(name)
	default:
		c.put(v)
	}
	return err
}

func (c *resources[T]) handOver() []any {
	all := make([]T, 0, len(c.aside))
	for _, v := range c.aside {
		all = append(all, v)
	}
	c.replace(all)
	c.aside = nil
	return []any{c.label, len(all)}
}

func newGroups(g *mapping.Groups) *resources[mapping.Group] {
	return &resources[mapping.Group]{
		label: Groups,
		whose: func(key []byte) (string, error) {
			var k groupKey
			err := openKey(key, &k)
			return k.Group, err
		},
		decode: decodeGroup, put: g.Put, remove: g.Remove, replace: g.Replace,
	}
}

func newVClusters(v *mapping.VClusters) *resources[mapping.VCluster] {
	return &resources[mapping.VCluster]{
		label: VClusters,
		whose: func(key []byte) (string, error) {
			var k vclusterKey
			err := openKey(key, &k)
			return k.VCluster, err
		},
		decode: decodeVCluster, put: v.Put, remove: v.Remove, replace: v.Replace,
	}
}
