package mapping

import (
	"fmt"
	"slices"
)

// State is what the rules are checked against. Every Store asks the same
// questions of it, while nobody else writes: may this be written, and what will
// have been done then? What is let in is returned with its defaults written out.
type State struct {
	Users     *Users
	VClusters *VClusters
	Denied    *DenyList
}

// NewState returns an empty state.
func NewState() State {
	return State{Users: NewUsers(), VClusters: NewVClusters(), Denied: NewDenyList()}
}

// AdmitMapping is AdmitAccount for the first generation of the API: the virtual
// cluster need not be declared, and a local account is not made external by it
// (ErrExists).
func (s State) AdmitMapping(m Mapping, fresh bool) (Account, Outcome, error) {
	a, err := m.Account().Validate()
	if err != nil {
		return Account{}, NotChanged, err
	}
	if s.Users.HasLocal(a.VCluster, a.Username) {
		return Account{}, NotChanged, fmt.Errorf("mapping: username %q of vcluster %q is a local account: %w",
			a.Username, a.VCluster, ErrExists)
	}
	if old, _ := s.Users.Account(a.VCluster, a.Username); len(old.Principals) > 1 {
		return Account{}, NotChanged, fmt.Errorf("mapping: username %q of vcluster %q has %d principals, of which a mapping would leave one: %w",
			a.Username, a.VCluster, len(old.Principals), ErrExists)
	}
	return s.admit(a, Write{Fresh: fresh})
}

// AdmitAccount asks about an account: its virtual cluster must be declared (ErrNoVClusterResource), none of
// its principals may belong to another account (*ConflictError), nor its SCRAM name
// (ErrScramTaken); with w.Fresh it must be new (ErrExists), with w.Over as it was
// (ErrChanged); there may not be too many (ErrFull).
func (s State) AdmitAccount(a Account, w Write) (Account, Outcome, error) {
	a, err := a.Validate()
	if err != nil {
		return Account{}, NotChanged, err
	}
	if !s.VClusters.Exists(a.VCluster) {
		return Account{}, NotChanged, fmt.Errorf("mapping: account %q: %q: %w", a.Username, a.VCluster, ErrNoVClusterResource)
	}
	return s.admit(a, w)
}

func (s State) admit(a Account, w Write) (Account, Outcome, error) {
	old, exists := s.Users.Account(a.VCluster, a.Username)
	if exists && w.Fresh {
		return Account{}, NotChanged, fmt.Errorf("mapping: username %q of vcluster %q: %w", a.Username, a.VCluster, ErrExists)
	}
	if w.Over != nil && !old.Equal(*w.Over) {
		return Account{}, NotChanged, fmt.Errorf("mapping: username %q of vcluster %q: %w", a.Username, a.VCluster, ErrChanged)
	}
	if holder, conflict := s.Users.Conflict(a); conflict {
		return Account{}, NotChanged, &ConflictError{Holder: holder}
	}
	if vcluster, taken := s.Users.scramRival(a); taken {
		return Account{}, NotChanged, fmt.Errorf("mapping: username %q of vcluster %q: %w", a.Username, vcluster, ErrScramTaken)
	}
	if n := s.Users.Len(); !exists && n >= MaxMappings {
		return Account{}, NotChanged, fmt.Errorf("mapping: %d accounts: %w", n, ErrFull)
	}
	return a, outcome(exists, exists && old.Equal(a)), nil
}

func outcome(exists, same bool) Outcome {
	switch {
	case !exists:
		return Created
	case same:
		return NotChanged
	}
	return Updated
}

// AdmitDeletion asks whether an account may go: it must be there (ErrNotFound), and no group may name it
// (ErrAccountInUse). A mapping is an external account; external asks for one.
func (s State) AdmitDeletion(vcluster, username string, external bool) error {
	if !s.Users.Has(vcluster, username) || external && s.Users.HasLocal(vcluster, username) {
		return fmt.Errorf("mapping: username %q of vcluster %q: %w", username, vcluster, ErrNotFound)
	}
	if in := s.Users.Groups().Naming(vcluster, username); len(in) > 0 {
		return fmt.Errorf("mapping: username %q of vcluster %q: group %q: %w", username, vcluster, in[0], ErrAccountInUse)
	}
	return nil
}

// AdmitGroup asks about a group: its members must exist (ErrNoMember).
func (s State) AdmitGroup(g Group, w Write) (Group, Outcome, error) {
	g, err := g.Validate()
	if err != nil {
		return Group{}, NotChanged, err
	}
	groups := s.Users.Groups()
	old, exists := groups.Get(g.Name)
	if exists && w.Fresh {
		return Group{}, NotChanged, fmt.Errorf("mapping: group %q: %w", g.Name, ErrExists)
	}
	for _, m := range g.Members {
		if !s.Users.Has(m.VCluster, m.Username) {
			return Group{}, NotChanged, fmt.Errorf("mapping: group %q: username %q of vcluster %q: %w",
				g.Name, m.Username, m.VCluster, ErrNoMember)
		}
		if !slices.Contains(old.Members, m) && len(groups.Naming(m.VCluster, m.Username)) >= maxMemberships {
			return Group{}, NotChanged, &FieldError{"members", fmt.Sprintf("%q is in %d groups already", m.Username, maxMemberships)}
		}
	}
	for _, e := range g.ExternalGroups {
		if !slices.Contains(old.ExternalGroups, e) && groups.fed(e) >= maxMemberships {
			return Group{}, NotChanged, &FieldError{"externalGroups", fmt.Sprintf("%q leads to %d groups already", e, maxMemberships)}
		}
	}
	if !exists && groups.Len() >= MaxGatewayGroups {
		return Group{}, NotChanged, fullError("groups")
	}
	return g, outcome(exists, exists && old.Equal(g)), nil
}

// AdmitGroupDeletion asks whether a group may go: it must be there (ErrNotFound).
func (s State) AdmitGroupDeletion(name string) error {
	if _, ok := s.Users.Groups().Get(name); !ok {
		return fmt.Errorf("mapping: group %q: %w", name, ErrNotFound)
	}
	return nil
}

// AdmitVCluster asks about a virtual cluster: Passthrough is not for declaring (ErrReserved), no declared name
// may be the beginning of another (ErrPrefix), and the mode of enabled ACLs stays
// (ErrACLMode).
func (s State) AdmitVCluster(v VCluster, w Write) (VCluster, Outcome, error) {
	v, err := v.Validate()
	if err != nil {
		return VCluster{}, NotChanged, err
	}
	old, exists := s.VClusters.Get(v.Name)
	if exists && w.Fresh {
		return VCluster{}, NotChanged, fmt.Errorf("mapping: virtual cluster %q: %w", v.Name, ErrExists)
	}
	if exists && old.ACLEnabled && old.ACLMode != v.ACLMode {
		return VCluster{}, NotChanged, fmt.Errorf("mapping: virtual cluster %q: %s: %w", v.Name, old.ACLMode, ErrACLMode)
	}
	if rival, found := s.VClusters.rival(v.Name); found {
		return VCluster{}, NotChanged, fmt.Errorf("mapping: virtual cluster %q: %q: %w", v.Name, rival, ErrPrefix)
	}
	if !exists && s.VClusters.Len() >= MaxVClusters {
		return VCluster{}, NotChanged, fullError("virtual clusters")
	}
	return v, outcome(exists, exists && old.Equal(v)), nil
}

// AdmitVClusterDeletion asks whether one may go: it must be declared (ErrNotFound) and have no accounts
// (ErrVClusterInUse); Passthrough stays (ErrReserved).
func (s State) AdmitVClusterDeletion(name string) error {
	var err error
	switch _, ok := s.VClusters.Get(name); {
	case name == Passthrough:
		err = ErrReserved
	case !ok:
		err = ErrNotFound
	case s.Users.populated(name):
		err = ErrVClusterInUse
	default:
		return nil
	}
	return fmt.Errorf("mapping: virtual cluster %q: %w", name, err)
}

// Stats returns what a State can count.
func (s State) Stats() StoreStats {
	return StoreStats{
		Mappings: s.Users.Len(), Locals: s.Users.Locals(), Shadowed: s.Users.Shadowed(),
		Groups: s.Users.Groups().Len(), VClusters: s.VClusters.Len(), Denied: s.Denied.Len(),
	}
}
