package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

const (
	kindAccount = "GatewayServiceAccount"
	account     = "service account"

	// What new names are like. Older ones, of user mappings, are subjects of certificates: they can be shown, put back
	// and deleted all the same.
	accountPattern = `^[a-zA-Z0-9_-]{3,64}$`

	typeLocal, typeExternal = "LOCAL", "EXTERNAL"

	minIterations, byDefaultIterations, maxIterations = mapping.MinIterations, 8192, 1_000_000
)

var scramMechanisms = []string{"SCRAM-SHA-256", "SCRAM-SHA-512"}

var accountName = regexp.MustCompile(accountPattern)

// Protocols says what the gateway's listeners let clients prove, and with it which accounts can be of use.
type Protocols struct {
	Name      string // GATEWAY_SECURITY_PROTOCOL, for error texts; "" is PLAINTEXT
	SASL      bool   // the gateway itself checks passwords: LOCAL accounts
	OAuth     bool   // it checks tokens of an issuer: EXTERNAL accounts
	MTLS      bool   // it asks for client certificates: EXTERNAL accounts
	Delegated bool   // the brokers check: EXTERNAL accounts
}

func (p Protocols) local() bool    { return p.SASL }
func (p Protocols) external() bool { return p.OAuth || p.MTLS || p.Delegated }

// without refuses what no listener has a use for; refused is nil for what one has.
func (p Protocols) without() (refused *answer) {
	if p.local() || p.external() {
		return nil
	}
	a := problem(http.StatusBadRequest, "Gateway service account is not supported on security protocol %s.",
		cmp.Or(p.Name, "PLAINTEXT"))
	return &a
}

func (p Protocols) refuse(t mapping.AccountType) (refused *answer) {
	if a := p.without(); a != nil {
		return a
	}
	var why string
	switch {
	case t == mapping.Local && !p.local():
		why = "no listener of this gateway checks passwords"
	case t == mapping.External && !p.external():
		why = "no listener of this gateway has OAuth, client certificates without SASL, or delegated authentication"
	default:
		return nil
	}
	a := problem(http.StatusBadRequest, "%s service accounts are not supported on security protocol %s: %s.",
		t, cmp.Or(p.Name, "PLAINTEXT"), why)
	return &a
}

type accountSpecJSON struct {
	Type          string      `json:"type"`
	ExternalNames []string    `json:"externalNames,omitempty"`
	Scram         []scramJSON `json:"scram,omitempty"`
}

// scramJSON is a credential as it is shown: nothing of it that proves or tells anything of the password.
type scramJSON struct {
	Mechanism  string `json:"mechanism"`
	Iterations int    `json:"iterations"`
}

// shownVCluster leaves the default out unless it is asked for.
func shownVCluster(name string, defaults bool) string {
	if name == mapping.Passthrough && !defaults {
		return ""
	}
	return name
}

func shownAccount(a mapping.Account, defaults bool) resourceJSON {
	spec := accountSpecJSON{Type: a.Type.String(), ExternalNames: a.Principals}
	for _, c := range a.Scram {
		spec.Scram = append(spec.Scram, scramJSON{c.Mechanism, c.Iterations})
	}
	return resourceJSON{kindAccount, apiVersion, metadataJSON{a.Username, shownVCluster(a.VCluster, defaults)}, spec}
}

// unready is the second generation's answer before the store has been read to its end; nil afterwards.
func (s *Server) unready() *answer {
	err := s.o.Store.Ready()
	if err == nil {
		return nil
	}
	a := notReady(true, err)
	return &a
}

func (s *Server) listAccounts(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	f := mapping.Filter{VCluster: r.query["vcluster"], Username: r.query["name"]}
	if t, given := r.query["type"]; given {
		kind := mapping.External
		if strings.EqualFold(t, typeLocal) {
			kind = mapping.Local
		}
		f.Type = &kind
	}
	return listed(r, s.o.Store.Users().Accounts(f), shownAccount)
}

// accountBody is an account as it was sent. Without a spec.scram the credentials stay as they are.
type accountBody struct {
	mapping.Account
	kind     string
	scram    []scramBody
	hasScram bool
}

// scramBody is a credential as it was sent. Without a password the one that is there stays.
type scramBody struct {
	mechanism  string
	password   string
	iterations int64
	hasCount   bool
}

func (b *accountBody) read(body []byte) (refused *answer) {
	refused = readResource(body, kindAccount, nameAndVCluster(&b.Username, &b.VCluster), members{
		"type": intoKind(&b.kind, typeLocal, typeExternal), "externalNames": intoTexts(&b.Principals),
		"scram": func(at string, value json.RawMessage) error {
			b.hasScram = kindOf(value) != "null"
			return eachItem(b.readScram)(at, value)
		},
	})
	if refused != nil {
		return refused
	}
	switch {
	case b.Username == "":
		return missing("metadata.name")
	case b.kind == "":
		return missing("spec.type")
	}
	b.VCluster = cmp.Or(b.VCluster, mapping.Passthrough)
	invalid := ""
	switch b.kind {
	case typeLocal:
		b.Type = mapping.Local
		if len(b.Principals) > 0 {
			invalid = "spec.externalNames: a LOCAL service account has none"
		}
	default:
		b.Type = mapping.External
		if len(b.Principals) == 0 {
			invalid = "spec.externalNames: at least one is required for an EXTERNAL service account"
		} else if b.hasScram {
			invalid = "spec.scram: an EXTERNAL service account has no credentials here"
		}
	}
	if invalid != "" {
		a := problem(http.StatusBadRequest, "%s", invalid)
		return &a
	}
	return nil
}

func (b *accountBody) readScram(at string, value json.RawMessage) error {
	var c scramBody
	err := members{
		"mechanism": intoWord(&c.mechanism, scramMechanisms...), "iterations": intoInt(&c.iterations, &c.hasCount),
		"password": into(&c.password),
	}.read(at, value)
	switch {
	case err != nil:
		return err
	case c.mechanism == "":
		return fmt.Errorf("field %q: required", at+".mechanism")
	case c.hasCount && (c.iterations < minIterations || c.iterations > maxIterations):
		return fmt.Errorf("field %q: must be from %d to %d", at+".iterations", minIterations, maxIterations)
	}
	b.scram = append(b.scram, c)
	return nil
}

func (s *Server) putAccount(r request) answer {
	var b accountBody
	if refused := b.read(r.body); refused != nil {
		return *refused
	}
	if refused := s.o.Protocols.refuse(b.Type); refused != nil {
		return *refused
	}
	if refused := s.unready(); refused != nil {
		return *refused
	}
	for tries := 1; ; tries++ {
		old, exists := s.o.Store.Users().Account(b.VCluster, b.Username)
		if !exists && !accountName.MatchString(b.Username) {
			return problem(http.StatusBadRequest, "metadata.name: must match %s", accountPattern)
		}
		if refused := s.keep(&b, old); refused != nil {
			return *refused
		}
		w := r.write()
		w.Over = &old // what stays of an account must not change between here and the store
		outcome, err := s.o.Store.PutAccount(r.ctx, b.Account, w)
		if errors.Is(err, mapping.ErrChanged) && tries < maxReshapes {
			continue
		}
		if err != nil {
			return s.unmade(account, err)
		}
		return s.upserted(r, shownAccount(b.Account, false), outcome)
	}
}

// maxReshapes is how often an account is read and changed anew because somebody else, at this gateway or another,
// changed it meanwhile.
const maxReshapes = 8

// keep writes into b what stays of the account that was there, and derives the keys of new passwords.
func (s *Server) keep(b *accountBody, old mapping.Account) (refused *answer) {
	if b.Type == mapping.External {
		b.Groups = old.Groups
		b.Principals = slices.Compact(b.Principals)
		return nil
	}
	if len(old.Groups) > 0 {
		a := problem(http.StatusConflict, "The user mapping has groups of its own, which a LOCAL service account cannot have: "+
			"remove them with PUT %s/username/… first.", mappingsBase)
		return &a
	}
	b.Scram = old.Scram
	if !b.hasScram {
		return nil
	}
	b.Scram = nil
	for i, c := range b.scram {
		at := fmt.Sprintf("spec.scram[%d]", i)
		same := func(o mapping.ScramRecord) bool { return o.Mechanism == c.mechanism }
		if slices.ContainsFunc(b.Scram, same) {
			a := problem(http.StatusConflict, "%s: %s is given twice", at, c.mechanism)
			return &a
		}
		var had *mapping.ScramRecord
		if j := slices.IndexFunc(old.Scram, same); j >= 0 {
			had = &old.Scram[j]
		}
		one, refused := s.credential(at, c, had)
		if refused != nil {
			return refused
		}
		b.Scram = append(b.Scram, one)
	}
	slices.SortFunc(b.Scram, func(x, y mapping.ScramRecord) int { return strings.Compare(x.Mechanism, y.Mechanism) })
	return nil
}

// credential is what is to be stored for c, had being what was there, nil for nothing. The same password again does
// not make a new one: a tool that puts its whole configuration in each run changes nothing by it.
func (s *Server) credential(at string, c scramBody, had *mapping.ScramRecord) (mapping.ScramRecord, *answer) {
	refuse := func(status int, format string, a ...any) (mapping.ScramRecord, *answer) {
		refused := problem(status, at+": "+format, a...)
		return mapping.ScramRecord{}, &refused
	}
	if c.password == "" {
		if had == nil || c.hasCount && int(c.iterations) != had.Iterations {
			return refuse(http.StatusConflict, "there is no such credential to keep: a password is required")
		}
		return *had, nil
	}
	if s.o.Scram == nil {
		return refuse(http.StatusConflict, "no listener of this gateway offers SCRAM")
	}
	iterations := byDefaultIterations
	if c.hasCount {
		iterations = int(c.iterations)
	} else if had != nil {
		iterations = had.Iterations
	}
	if had != nil && had.Iterations == iterations {
		again, err := s.o.Scram(c.mechanism, c.password, had.Salt, iterations)
		if err == nil && bytes.Equal(again.StoredKey, had.StoredKey) {
			return *had, nil
		}
	}
	fresh, err := s.o.Scram(c.mechanism, c.password, nil, iterations)
	if err != nil {
		return refuse(http.StatusBadRequest, "%s", strings.TrimPrefix(err.Error(), "auth: "))
	}
	return fresh, nil
}

func (s *Server) deleteAccount(r request) answer {
	var m metadataJSON
	if refused := nameAndVCluster(&m.Name, &m.VCluster).readBody(r.body); refused != nil {
		return *refused
	}
	if m.Name == "" {
		return *missing("name")
	}
	if refused := s.o.Protocols.without(); refused != nil {
		return *refused
	}
	if refused := s.unready(); refused != nil {
		return *refused
	}
	m.VCluster = cmp.Or(m.VCluster, mapping.Passthrough)
	if err := s.o.Store.DeleteAccount(r.ctx, m.VCluster, m.Name, mapping.Write{}); err != nil {
		return s.unmade(account, err)
	}
	return s.removed(r, kindAccount, m)
}
