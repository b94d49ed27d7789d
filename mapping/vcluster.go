package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/puzpuzpuz/xsync/v3"
)

// Limits of virtual clusters.
const (
	MaxVClusters    = 10_000
	MaxSuperUsers   = 1000
	MaxACLs         = 1000
	maxACL          = 8 << 10
	maxVClusterText = 128 << 10
)

// VClusterType says who is served.
type VClusterType string

// The types of virtual clusters; the zero value means Standard.
const (
	Standard VClusterType = "STANDARD"
	Partner  VClusterType = "PARTNER"
)

// Values of VCluster.ACLMode; the zero value means KafkaAPI.
const (
	KafkaAPI = "KAFKA_API" // ACLs are managed by Kafka's own requests
	RestAPI  = "REST_API"  // ACLs stand in the resource
)

// VCluster is a virtual cluster as it was declared. Passthrough is none: it
// always exists and is never stored.
type VCluster struct {
	Name       string
	Type       VClusterType
	ACLEnabled bool
	ACLMode    string
	SuperUsers []string
	ACLs       []json.RawMessage // JSON objects without superfluous spaces; their content is not looked at here
}

// Validate returns v with its defaults written out, or a *FieldError; ErrReserved
// for Passthrough. The result shares no slice with v, the ACLs' bytes apart.
func (v VCluster) Validate() (VCluster, error) {
	if err := checkVCluster("name", v.Name); err != nil {
		return VCluster{}, err
	}
	if v.Name == Passthrough {
		return VCluster{}, fmt.Errorf("mapping: virtual cluster %q: %w", v.Name, ErrReserved)
	}
	if v.Type == "" {
		v.Type = Standard
	}
	if v.ACLMode == "" {
		v.ACLMode = KafkaAPI
	}
	if err := v.checkLists(); err != nil {
		return VCluster{}, err
	}
	if err := v.checkModes(); err != nil {
		return VCluster{}, err
	}
	v.SuperUsers = union(v.SuperUsers)
	return v.compacted()
}

func (v VCluster) checkLists() error {
	if n := len(v.SuperUsers); n > MaxSuperUsers {
		return &FieldError{"superUsers", fmt.Sprintf("%d given, at most %d allowed", n, MaxSuperUsers)}
	}
	if err := checkNames("superUsers", v.SuperUsers, MaxName); err != nil {
		return err
	}
	if n := len(v.ACLs); n > MaxACLs {
		return &FieldError{"acls", fmt.Sprintf("%d given, at most %d allowed", n, MaxACLs)}
	}
	text := 0
	for _, s := range v.SuperUsers {
		text += len(s)
	}
	for i, a := range v.ACLs {
		if len(a) > maxACL {
			return &FieldError{fmt.Sprintf("acls[%d]", i), fmt.Sprintf("%d bytes long, at most %d allowed", len(a), maxACL)}
		}
		text += len(a)
	}
	if text > maxVClusterText {
		return &FieldError{"superUsers", fmt.Sprintf("%d bytes with the ACLs, at most %d allowed", text, maxVClusterText)}
	}
	return nil
}

// checkModes is what the API's description says of types and modes.
func (v VCluster) checkModes() error {
	switch {
	case v.Type != Standard && v.Type != Partner:
		return &FieldError{"type", "must be STANDARD or PARTNER"}
	case v.ACLMode != KafkaAPI && v.ACLMode != RestAPI:
		return &FieldError{"aclMode", "must be KAFKA_API or REST_API"}
	case v.Type == Partner && (!v.ACLEnabled || len(v.SuperUsers) == 0):
		return &FieldError{"type", "a PARTNER needs aclEnabled and at least one of superUsers"}
	case v.ACLMode == KafkaAPI && len(v.ACLs) > 0:
		return &FieldError{"acls", "not with aclMode KAFKA_API"}
	case v.ACLMode == KafkaAPI && v.ACLEnabled && len(v.SuperUsers) == 0:
		return &FieldError{"superUsers", "at least one is needed with aclMode KAFKA_API: nobody else could manage the ACLs"}
	case v.ACLMode == RestAPI && len(v.SuperUsers) > 0:
		return &FieldError{"superUsers", "not with aclMode REST_API"}
	case v.ACLMode == RestAPI && v.ACLEnabled && len(v.ACLs) == 0:
		return &FieldError{"acls", "at least one is needed with aclMode REST_API: nobody could do anything"}
	}
	return nil
}

func (v VCluster) compacted() (VCluster, error) {
	var acls []json.RawMessage
	for i, a := range v.ACLs {
		var out bytes.Buffer
		if err := json.Compact(&out, a); err != nil || !strings.HasPrefix(out.String(), "{") {
			return VCluster{}, &FieldError{fmt.Sprintf("acls[%d]", i), "must be a JSON object"}
		}
		acls = append(acls, out.Bytes())
	}
	v.ACLs = acls
	return v, nil
}

// Equal reports whether both say the same.
func (v VCluster) Equal(o VCluster) bool {
	return v.Name == o.Name && v.Type == o.Type && v.ACLEnabled == o.ACLEnabled && v.ACLMode == o.ACLMode &&
		slices.Equal(v.SuperUsers, o.SuperUsers) &&
		slices.EqualFunc(v.ACLs, o.ACLs, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
}

// VClusters is the set of declared virtual clusters in memory. Reads take no
// lock; the writing methods are for the one store that owns the set.
type VClusters struct {
	all *xsync.MapOf[string, VCluster]
	mu  sync.Mutex // writes
}

// NewVClusters returns an empty set.
func NewVClusters() *VClusters { return &VClusters{all: xsync.NewMapOf[string, VCluster]()} }

// Get returns a declared virtual cluster. Its slices are shared.
func (v *VClusters) Get(name string) (VCluster, bool) { return v.all.Load(name) }

// Exists reports whether a virtual cluster is declared or is Passthrough.
func (v *VClusters) Exists(name string) bool {
	_, declared := v.all.Load(name)
	return declared || name == Passthrough
}

// Len returns how many are declared.
func (v *VClusters) Len() int { return v.all.Size() }

// All returns every declared virtual cluster, sorted by name. Their slices are
// shared.
func (v *VClusters) All() []VCluster {
	return sorted(v.all, func(a, b VCluster) int { return strings.Compare(a.Name, b.Name) })
}

// Put adds or replaces a virtual cluster, which must have passed Validate.
func (v *VClusters) Put(c VCluster) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all.Store(c.Name, c)
}

// Remove deletes a virtual cluster and reports whether it was there.
func (v *VClusters) Remove(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, known := v.all.LoadAndDelete(name)
	return known
}

// Replace makes the set equal to all. One that stays is never missing in between.
func (v *VClusters) Replace(all []VCluster) {
	v.mu.Lock()
	defer v.mu.Unlock()
	stay := make(map[string]bool, len(all))
	for _, c := range all {
		stay[c.Name] = true
		v.all.Store(c.Name, c)
	}
	dropOthers(v.all, stay, v.all.Delete)
}

// rival returns a declared virtual cluster whose name and name are one the
// beginning of the other: names are prefixes, so each would see the other's topics.
func (v *VClusters) rival(name string) (rival string, found bool) {
	v.all.Range(func(other string, _ VCluster) bool {
		if other != name && (strings.HasPrefix(other, name) || strings.HasPrefix(name, other)) {
			rival, found = other, true
		}
		return !found
	})
	return rival, found
}
