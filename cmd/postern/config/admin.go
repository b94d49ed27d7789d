package config

import "math"

func (r *reader) admin() Admin {
	return Admin{
		Port:           int(r.integer("GATEWAY_HTTP_PORT", 1, math.MaxUint16)),
		BindHost:       r.host("GATEWAY_HTTP_BIND_HOST"),
		Users:          r.adminUsers(),
		SecuredMetrics: r.boolean("GATEWAY_SECURED_METRICS"),
	}
}
