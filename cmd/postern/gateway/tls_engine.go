package gateway

import (
	"log/slog"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/tlsterm"
)

// chooseTLSEngine chooses what carries the records and signs with RSA keys. Our own
// is used only after its record layer has agreed with crypto/tls, in this process
// and with this release of Go, on every cipher suite in both roles; selfTest says
// whether it does. Signatures are tried key by key, when a key is loaded.
func chooseTLSEngine(cfg *config.Config, selfTest func() error, log *slog.Logger) tlsterm.Engine {
	if cfg.TLSEngine == config.TLSEngineStd || !speaksTLS(cfg) {
		return tlsterm.Std
	}
	if err := selfTest(); err != nil {
		log.Error("the record layer failed its self-test; crypto/tls carries all records instead and crypto/rsa signs, at a higher cost. Please report this", "err", err)
		return tlsterm.Std
	}
	return tlsterm.Own
}

// speaksTLS reports whether any side of the gateway does.
func speaksTLS(cfg *config.Config) bool {
	for i := range cfg.Listeners {
		if cfg.Listeners[i].Protocol.TLS() {
			return true
		}
	}
	return cfg.Kafka.Protocol.TLS()
}
