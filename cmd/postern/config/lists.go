package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// listOf returns the entries of a list written as YAML or JSON. Its errors, like those of fieldsOf, repeat nothing of
// the text but names of fields that are known: in a mangled list a password may stand anywhere.
func listOf(text string, most int) ([]ast.Node, error) {
	if len(text) > most {
		return nil, fmt.Errorf("more than %d bytes", most)
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
	return list.Values, nil
}

// fieldsOf returns the texts of an entry's fields as they were written: a password of digits keeps its zeros.
func fieldsOf(node ast.Node, known ...string) (map[string]string, error) {
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
		if !slices.Contains(known, name) {
			return nil, unknownField(i+1, name, known)
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
func unknownField(number int, name string, known []string) error {
	if near, ok := nearest(name, known); ok {
		return fmt.Errorf("field %d: not known; did you mean %s?", number, near)
	}
	return fmt.Errorf("field %d: not known; known: %s", number, strings.Join(known, ", "))
}
