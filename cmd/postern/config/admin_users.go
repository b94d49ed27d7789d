package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const adminUsersVar = "GATEWAY_ADMIN_API_USERS"

const (
	maxAdminUsers     = 1000
	maxAdminUsersText = 256 << 10
)

// adminUsers reads the accounts. Nothing of the text is ever repeated in an error but names of fields that are known:
// in a mangled list a password may stand where a field's name should.
func (r *reader) adminUsers() []AdminUser {
	_, given := r.given(adminUsersVar)
	users, err := parseAdminUsers(r.text(adminUsersVar))
	if err != nil {
		r.report.fail(adminUsersVar, err.Error()+`; expected a list like [{username: admin, password: "…", admin: true}], as YAML or JSON`)
		return nil
	}
	if !given {
		r.report.warn(adminUsersVar + " is not set: the admin API has the well-known account and password; set it")
	}
	return users
}

func parseAdminUsers(text string) ([]AdminUser, error) {
	list, err := listOf(text, maxAdminUsersText)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > maxAdminUsers {
		return nil, fmt.Errorf("%d accounts; allowed: 1 to %d", len(list), maxAdminUsers)
	}
	users := make([]AdminUser, 0, len(list))
	taken := make(map[string]bool, len(list))
	for i, node := range list {
		user, err := parseAdminUser(node)
		if err != nil {
			return nil, fmt.Errorf("account %d: %w", i+1, err)
		}
		if taken[user.Username] {
			return nil, fmt.Errorf("account %d: the username of an earlier account", i+1)
		}
		taken[user.Username] = true
		users = append(users, user)
	}
	return users, nil
}

func parseAdminUser(node ast.Node) (AdminUser, error) {
	fields, err := fieldsOf(node, "username", "password", "admin")
	if err != nil {
		return AdminUser{}, err
	}
	user := AdminUser{Username: fields["username"], Password: NewSecret(fields["password"])}
	switch admin := fields["admin"]; strings.ToLower(admin) {
	case "true":
		user.Admin = true
	case "false", "":
	default:
		return AdminUser{}, fmt.Errorf("field admin: allowed: true, false")
	}
	if user.Username == "" {
		return AdminUser{}, fmt.Errorf("field username: missing or empty")
	}
	if strings.ContainsFunc(user.Username, func(c rune) bool { return c == ':' || c < ' ' || c == 0x7f }) {
		return AdminUser{}, fmt.Errorf("field username: a colon or a control character, which HTTP basic authentication cannot carry")
	}
	if fields["password"] == "" {
		return AdminUser{}, fmt.Errorf("field password: missing or empty")
	}
	return user, nil
}
