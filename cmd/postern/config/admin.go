package config

import "math"

func (r *reader) admin() Admin {
	a := Admin{
		Port:           int(r.integer("GATEWAY_HTTP_PORT", 1, math.MaxUint16)),
		BindHost:       r.host("GATEWAY_HTTP_BIND_HOST"),
		Users:          r.adminUsers(),
		SecuredMetrics: r.boolean("GATEWAY_SECURED_METRICS"),
		KeyStore:       r.httpsStore("GATEWAY_HTTPS_KEY_STORE_PATH", "GATEWAY_HTTPS_KEY_STORE_PASSWORD"),
		TrustStore:     r.httpsStore("GATEWAY_HTTPS_TRUST_STORE_PATH", "GATEWAY_HTTPS_TRUST_STORE_PASSWORD"),
		ClientAuth:     r.choice("GATEWAY_HTTPS_CLIENT_AUTH", HTTPSNone, HTTPSRequest, HTTPSRequired),
		HealthKeyStore: r.httpsStore("GATEWAY_HTTPS_HEALTH_KEY_STORE_PATH", "GATEWAY_HTTPS_HEALTH_KEY_STORE_PASSWORD"),
	}
	const auth = "GATEWAY_HTTPS_CLIENT_AUTH"
	asks := a.ClientAuth == HTTPSRequest || a.ClientAuth == HTTPSRequired
	switch {
	case asks && !a.KeyStore.IsSet():
		r.report.fail(auth, a.ClientAuth+" needs "+a.KeyStore.PathVar+": without HTTPS there are no client certificates")
	case asks && !a.TrustStore.IsSet():
		r.missing(a.TrustStore.PathVar, auth+" is "+a.ClientAuth+": client certificates are checked against the authorities in a trust store")
	case !asks:
		for _, s := range []Store{a.TrustStore, a.HealthKeyStore} {
			if s.IsSet() {
				r.report.warn(s.PathVar + " is set and has no effect: " + auth + " is " + a.ClientAuth)
			}
		}
	}
	return a
}

// httpsStore reads a store whose format its content alone says.
func (r *reader) httpsStore(path, password string) Store {
	s := Store{Password: r.secret(password), Type: "jks", PathVar: path, PasswordVar: password, TypeVar: path}
	s.Path, _ = r.given(path)
	return s
}
