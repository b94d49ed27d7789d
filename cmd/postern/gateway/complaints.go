package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/postern-kafka/postern/tlsterm"
)

// expirySoon is how long before its end a certificate of our own is spoken of.
const expirySoon = 14 * 24 * time.Hour

// complaints are what an operator should mend, each told when it comes up and
// not again until it has gone away in between.
type complaints struct {
	log  *slog.Logger
	told map[string]bool
}

// tell logs those of now that are new.
func (c *complaints) tell(now []complaint) {
	standing := make(map[string]bool, len(now))
	for _, one := range now {
		standing[one.text] = true
		if !c.told[one.text] {
			c.log.Log(context.Background(), one.level, one.text)
		}
	}
	c.told = standing
}

type complaint struct {
	level slog.Level
	text  string
}

func warning(format string, a ...any) complaint {
	return complaint{slog.LevelWarn, fmt.Sprintf(format, a...)}
}

// ofKeys says what is wrong with certificates of our own.
func ofKeys(spec tlsterm.StoreSpec, keys tlsterm.Keys, now time.Time) (all []complaint) {
	for _, err := range keys.Unusable {
		all = append(all, warning("%s", err))
	}
	for i := range keys.Certificates {
		cert := &keys.Certificates[i]
		if err := tlsterm.CheckCertificate(cert, now); err != nil {
			all = append(all, complaint{slog.LevelError, fmt.Sprintf("%s: %s: %s", spec.PathVar, spec.Path, err)})
		} else if end := cert.Leaf.NotAfter; now.Add(expirySoon).After(end) {
			all = append(all, warning("%s: %s: the certificate of %s expires on %s",
				spec.PathVar, spec.Path, cert.Leaf.Subject, end.UTC().Format(time.RFC3339)))
		}
	}
	return all
}

// ofHost says whether clients that check the name would refuse us.
func ofHost(certs []tls.Certificate, spec tlsterm.StoreSpec, host string) []complaint {
	if len(tlsterm.Uncovered(certs, host)) == 0 {
		return nil
	}
	var names []string
	for _, c := range certs {
		names = append(names, tlsterm.Names(c.Leaf)...)
	}
	what := "none"
	if len(names) > 0 {
		what = strings.Join(names, ", ")
	}
	return []complaint{warning("%s: %s: no certificate is for the advertised host %q (GATEWAY_ADVERTISED_HOST): clients that check it will refuse to connect; names in it: %s",
		spec.PathVar, spec.Path, host, what)}
}
