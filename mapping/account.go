package mapping

import (
	"fmt"
	"slices"
)

// Limits of one account, besides those of a Mapping.
const (
	MaxPrincipals    = 100
	MaxAccountText   = 64 << 10 // bytes of all principals together
	MaxScram         = 8        // credentials
	MaxIterations    = 1 << 20  // of one: a login pays for them
	MinIterations    = 4096     // RFC 7677
	maxMechanism     = 64
	maxScramMaterial = 256 // bytes of a salt or a key
)

// AccountType says where an account's password is.
type AccountType uint8

// An External account is known by the principals that something else proved;
// a Local one by its own username, which a token or a SCRAM credential proves.
const (
	External AccountType = iota
	Local
)

// String returns "EXTERNAL" or "LOCAL".
func (t AccountType) String() string {
	if t == Local {
		return "LOCAL"
	}
	return "EXTERNAL"
}

// Account is one user of a virtual cluster. A Mapping is an External account
// with one principal. The zero VCluster means Passthrough; an External account
// without principals has its username for one. Validate writes both out.
type Account struct {
	VCluster   string
	Username   string
	Type       AccountType
	Principals []string      // External: 1 to MaxPrincipals, each of no other account; Local: none
	Groups     []string      // External only: those posted with a mapping
	Scram      []ScramRecord // Local only: one for a mechanism
}

// ScramRecord is what a server keeps of a password (RFC 5802). Its slices are
// shared: do not write to them.
type ScramRecord struct {
	Mechanism  string
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

// Account returns the account that m is.
func (m Mapping) Account() Account {
	a := Account{VCluster: m.VCluster, Username: m.Username, Groups: m.Groups}
	if m.Principal != "" {
		a.Principals = []string{m.Principal}
	}
	return a
}

// Mapping returns what the first generation of the API shows of an External
// account: its first principal. Groups is shared.
func (a Account) Mapping() Mapping {
	m := Mapping{VCluster: a.VCluster, Username: a.Username, Groups: a.Groups}
	if len(a.Principals) > 0 {
		m.Principal = a.Principals[0]
	}
	return m
}

// Validate returns a with its defaults written out and repeated principals and
// groups dropped, or a *FieldError for the first field at fault. The result
// shares no slice with a, the bytes of its credentials apart.
func (a Account) Validate() (Account, error) {
	if a.VCluster == "" {
		a.VCluster = Passthrough
	}
	if err := checkName("username", a.Username, MaxName); err != nil {
		return Account{}, err
	}
	if err := checkVCluster("vcluster", a.VCluster); err != nil {
		return Account{}, err
	}
	var err error
	switch a.Type {
	case External:
		err = a.checkExternal()
	case Local:
		err = a.checkLocal()
	default:
		err = &FieldError{"type", "must be LOCAL or EXTERNAL"}
	}
	if err != nil {
		return Account{}, err
	}
	a.Principals, a.Groups = union(a.Principals), union(a.Groups)
	if a.Type == External && len(a.Principals) == 0 {
		a.Principals = []string{a.Username}
	}
	a.Scram = slices.Clone(a.Scram)
	return a, nil
}

func (a Account) checkExternal() error {
	if len(a.Scram) > 0 {
		return &FieldError{"scram", "an external account has no credentials here"}
	}
	text := 0
	for i, p := range a.Principals {
		field := "principal"
		if len(a.Principals) > 1 {
			field = fmt.Sprintf("principals[%d]", i)
		}
		if err := checkName(field, p, MaxName); err != nil {
			return err
		}
		text += len(p)
	}
	if n := len(a.Principals); n > MaxPrincipals {
		return &FieldError{"principals", fmt.Sprintf("%d given, at most %d allowed", n, MaxPrincipals)}
	}
	if text > MaxAccountText {
		return &FieldError{"principals", fmt.Sprintf("%d bytes together, at most %d allowed", text, MaxAccountText)}
	}
	if len(a.Groups) > MaxGroups {
		return &FieldError{"groups", fmt.Sprintf("%d given, at most %d allowed", len(a.Groups), MaxGroups)}
	}
	return checkNames("groups", a.Groups, MaxGroup)
}

func (a Account) checkLocal() error {
	if len(a.Principals) > 0 {
		return &FieldError{"principals", "a local account has none: its username is its principal"}
	}
	if len(a.Groups) > 0 {
		return &FieldError{"groups", "a local account has none of its own: make it a member of a group"}
	}
	if len(a.Scram) > MaxScram {
		return &FieldError{"scram", fmt.Sprintf("%d given, at most %d allowed", len(a.Scram), MaxScram)}
	}
	for i, r := range a.Scram {
		field := fmt.Sprintf("scram[%d]", i)
		if slices.ContainsFunc(a.Scram[:i], func(o ScramRecord) bool { return o.Mechanism == r.Mechanism }) {
			return &FieldError{field, fmt.Sprintf("mechanism %s is given twice", r.Mechanism)}
		}
		if err := r.check(field); err != nil {
			return err
		}
	}
	return nil
}

func (r ScramRecord) check(field string) error {
	if err := checkName(field+".mechanism", r.Mechanism, maxMechanism); err != nil {
		return err
	}
	if r.Iterations < MinIterations || r.Iterations > MaxIterations {
		return &FieldError{field + ".iterations", fmt.Sprintf("%d, must be from %d to %d", r.Iterations, MinIterations, MaxIterations)}
	}
	for _, b := range [][]byte{r.Salt, r.StoredKey, r.ServerKey} {
		if len(b) == 0 || len(b) > maxScramMaterial {
			return &FieldError{field, fmt.Sprintf("salt and keys must be of 1 to %d bytes", maxScramMaterial)}
		}
	}
	return nil
}

// Equal reports whether both say the same.
func (a Account) Equal(b Account) bool {
	return a.VCluster == b.VCluster && a.Username == b.Username && a.Type == b.Type &&
		slices.Equal(a.Principals, b.Principals) && slices.Equal(a.Groups, b.Groups) &&
		slices.EqualFunc(a.Scram, b.Scram, ScramRecord.equal)
}

func (r ScramRecord) equal(o ScramRecord) bool {
	return r.Mechanism == o.Mechanism && r.Iterations == o.Iterations && slices.Equal(r.Salt, o.Salt) &&
		slices.Equal(r.StoredKey, o.StoredKey) && slices.Equal(r.ServerKey, o.ServerKey)
}
