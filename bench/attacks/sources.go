package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// test is a function TestAttack... as it stands in the source.
type test struct {
	Package string   // polity/recording/segment
	Name    string   // TestAttackSegmentForged
	Attacks []string // names that it tells, where they stand as they are
}

// sources finds every test of an attack below a folder, whether it would be run or not:
// what is left out by a build tag is missed later.
func sources(root string) (list []test, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "TestAttack") {
				list = append(list, test{"polity/" + filepath.ToSlash(rel), fn.Name.Name, told(fn)})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b test) int { return strings.Compare(a.key(), b.key()) })
	return list, err
}

// told lists the names in calls of attack.Tell.
func told(fn *ast.FuncDecl) (names []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 4 {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "Tell" {
			return true
		}
		if l, ok := call.Args[1].(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(l.Value); err == nil {
				names = append(names, name)
			}
		}
		return true
	})
	return names
}

func (t test) key() string { return t.Package + " " + t.Name }

func matching(all []test, only string) (list []test) {
	for _, t := range all {
		if strings.Contains(t.Name, only) {
			list = append(list, t)
		}
	}
	return list
}

func packages(tests []test) (list []string) {
	for _, t := range tests {
		list = append(list, t.Package)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
