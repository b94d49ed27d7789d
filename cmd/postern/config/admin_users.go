package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
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
	if len(text) > maxAdminUsersText {
		return nil, fmt.Errorf("more than %d bytes", maxAdminUsersText)
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil || len(file.Docs) != 1 {
		// The parser's own message quotes the text.
		return nil, fmt.Errorf("not one YAML or JSON document")
	}
	list, ok := file.Docs[0].Body.(*ast.SequenceNode)
	if !ok {
		return nil, fmt.Errorf("not a list")
	}
	if len(list.Values) == 0 || len(list.Values) > maxAdminUsers {
		return nil, fmt.Errorf("%d accounts; allowed: 1 to %d", len(list.Values), maxAdminUsers)
	}
	users := make([]AdminUser, 0, len(list.Values))
	taken := make(map[string]bool, len(list.Values))
	for i, node := range list.Values {
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
	fields, err := fieldsOf(node)
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

// fieldsOf returns the texts of an account's fields as they were written: a password of digits keeps its zeros.
func fieldsOf(node ast.Node) (map[string]string, error) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, fmt.Errorf("not a set of fields")
	}
	fields := make(map[string]string, len(values))
	for i, value := range values {
		name := value.Key.GetToken().Value
		if name != "username" && name != "password" && name != "admin" {
			return nil, unknownField(i+1, name)
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("field %s: given twice", name)
		}
		switch scalar := value.Value.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
			fields[name] = scalar.GetToken().Value
		case *ast.LiteralNode:
			fields[name] = scalar.Value.Value
		case *ast.NullNode:
			fields[name] = ""
		default:
			return nil, fmt.Errorf("field %s: not a plain text", name)
		}
	}
	return fields, nil
}

// unknownField names a field only when it is a known one misspelt; anything else might be a secret.
func unknownField(number int, name string) error {
	if near, ok := nearest(name, []string{"username", "password", "admin"}); ok {
		return fmt.Errorf("field %d: not known; did you mean %s?", number, near)
	}
	return fmt.Errorf("field %d: not known; known: username, password, admin", number)
}
