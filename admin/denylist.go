package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/postern-kafka/postern/mapping"
)

// What a change of the deny-list does, for X-Postern-Notice.
const (
	deniedNotice  = "connections of the certificate are being ended, and it cannot make new ones"
	allowedNotice = "takes effect at the next connection of the certificate"
)

// denialJSON is a row of the deny-list as it is shown.
type denialJSON struct {
	Fingerprint string `json:"fingerprint"`
	Reason      string `json:"reason"`
	By          string `json:"by"`
	Since       string `json:"since"`
}

func shown(d mapping.Denial) denialJSON {
	return denialJSON{d.Fingerprint.String(), d.Reason, d.By, d.Since.UTC().Format(time.RFC3339)}
}

func (s *Server) listDenials(request) answer {
	if err := s.o.Store.Ready(); err != nil {
		return notReady(false, err)
	}
	all := s.o.Store.DenyList().All()
	rows := make([]denialJSON, len(all))
	for i, d := range all {
		rows[i] = shown(d)
	}
	return inJSON(http.StatusOK, rows)
}

// named finds out which certificate a path is about; refused is nil when that is clear.
func (s *Server) named(r request) (f mapping.Fingerprint, refused *answer) {
	f, err := mapping.ParseFingerprint(r.fingerprint)
	if err != nil {
		a := message(http.StatusBadRequest, "The fingerprint in the path %s.", err)
		return f, &a
	}
	if err := s.o.Store.Ready(); err != nil {
		a := notReady(false, err)
		return f, &a
	}
	return f, nil
}

func (s *Server) showDenial(r request) answer {
	f, refused := s.named(r)
	if refused != nil {
		return *refused
	}
	d, found := s.o.Store.DenyList().Get(f)
	if !found {
		return notDenied(f)
	}
	return inJSON(http.StatusOK, shown(d))
}

func (s *Server) deny(r request) answer {
	if err := s.o.Store.Ready(); err != nil {
		return notReady(false, err)
	}
	d, err := decodeDenial(r.body)
	if err == nil {
		d.By, d.Since = r.by.name, s.o.Now()
		d, err = d.Validate()
	}
	if err != nil {
		return invalid(err)
	}
	isNew, err := s.o.Store.Deny(r.ctx, d)
	if errors.Is(err, mapping.ErrListFull) {
		return message(http.StatusInsufficientStorage, "There is no room for another certificate: %s", err)
	}
	if err != nil {
		return s.unwritten(false, err)
	}
	s.o.Log.Warn("admin: certificate denied", "by", r.by.name, "fingerprint", d.Fingerprint.String(), "reason", d.Reason, "new", isNew)
	if isNew {
		return message(http.StatusCreated, "The certificate is denied").with("X-Postern-Notice", deniedNotice)
	}
	return noContent().with("X-Postern-Notice", deniedNotice)
}

func (s *Server) allow(r request) answer {
	f, refused := s.named(r)
	if refused != nil {
		return *refused
	}
	err := s.o.Store.Allow(r.ctx, f)
	if errors.Is(err, mapping.ErrNotDenied) {
		return notDenied(f)
	}
	if err != nil {
		return s.unwritten(false, err)
	}
	s.o.Log.Warn("admin: certificate allowed again", "by", r.by.name, "fingerprint", f.String())
	return noContent().with("X-Postern-Notice", allowedNotice)
}

func notDenied(f mapping.Fingerprint) answer {
	return message(http.StatusNotFound, "The certificate %s is not on the deny-list.", f)
}

// decodeDenial reads the body of a POST, as strictly as decodeMapping does:
//
//	{"fingerprint": "…" (required), "reason": "…"}
func decodeDenial(body []byte) (mapping.Denial, error) {
	var d mapping.Denial
	var fingerprint string
	if len(bytes.TrimSpace(body)) == 0 {
		return d, errors.New("the body is empty: a JSON object with the field \"fingerprint\" is expected")
	}
	if !utf8.Valid(body) {
		return d, errors.New("the body is not valid UTF-8")
	}
	if err := eachField(json.NewDecoder(bytes.NewReader(body)), func(name string, value json.RawMessage) (err error) {
		switch name {
		case "fingerprint":
			fingerprint, err = textOf(name, value)
		case "reason":
			d.Reason, err = textOf(name, value)
		default:
			err = fmt.Errorf("field %q: unknown", shorten(name))
		}
		return err
	}); err != nil {
		return mapping.Denial{}, err
	}
	if fingerprint == "" {
		return mapping.Denial{}, errors.New("field \"fingerprint\": required")
	}
	f, err := mapping.ParseFingerprint(fingerprint)
	if err != nil {
		return mapping.Denial{}, fmt.Errorf("field \"fingerprint\": %w", err)
	}
	d.Fingerprint = f
	return d, nil
}
