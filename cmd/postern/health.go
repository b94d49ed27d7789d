package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/cmd/postern/gateway"
	"github.com/postern-kafka/postern/tlsterm"
)

type healthCommand struct{}

// healthTimeout is below the five seconds at which container health checks
// usually give up.
const healthTimeout = 3 * time.Second

// Run asks /health/ready of the gateway that this environment configures.
func (*healthCommand) Run(w world) error {
	cfg, report := config.Load(w.environ, config.Options{Hostname: "localhost", ReadFile: os.ReadFile})
	if report.Failed() {
		return usageError{report.Err()}
	}
	ctx, cancel := context.WithTimeout(w.ctx, healthTimeout)
	defer cancel()
	client, scheme := http.DefaultClient, "http://"
	if cfg.Admin.KeyStore.IsSet() {
		shown, err := healthCertificate(&cfg.Admin)
		if err != nil {
			return err
		}
		client, scheme = httpsClient(shown), "https://"
	}
	host := cfg.Admin.BindHost
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	url := scheme + net.JoinHostPort(host, strconv.Itoa(cfg.Admin.Port)) + "/health/ready"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return explain(err, &cfg.Admin)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w.stdout, io.LimitReader(resp.Body, 4096)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New("not ready")
	}
	return nil
}

// healthStore holds the certificate that is shown to the gateway, which need not
// be set. One that asks and would be content without one is shown none unless it
// is named: a certificate that it does not trust, it refuses.
func healthStore(a *config.Admin) config.Store {
	switch {
	case a.ClientAuth == config.HTTPSNone:
		return config.Store{}
	case a.ClientAuth == config.HTTPSRequired && !a.HealthKeyStore.IsSet():
		return a.KeyStore
	}
	return a.HealthKeyStore
}

// healthCertificate reads it: empty where nothing is to be shown.
func healthCertificate(a *config.Admin) (*tls.Certificate, error) {
	store := healthStore(a)
	if !store.IsSet() {
		return new(tls.Certificate), nil
	}
	c, err := tlsterm.LoadKeyStore(gateway.StoreSpec(store), store.Password.Reveal(), store.PasswordVar)
	return &c, err
}

func httpsClient(shown *tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // it asks itself, and nothing secret
		// By Certificates it would be kept back where the gateway's list of
		// authorities lacks its own, and nobody would be told why.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil },
	}}}
}

// explain says of a handshake that the gateway refused what has to be set.
func explain(err error, a *config.Admin) error {
	store, remote := healthStore(a), new(net.OpError)
	if !store.IsSet() || !errors.As(err, &remote) || remote.Op != "remote error" {
		return err
	}
	return fmt.Errorf("%w: the certificate of %s must be good for clients and of an authority in %s; %s names another one",
		err, store.PathVar, a.TrustStore.PathVar, a.HealthKeyStore.PathVar)
}
