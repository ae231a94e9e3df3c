package policy

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	xast "github.com/cedar-policy/cedar-go/x/exp/ast"

	"polity/access"
	"polity/city"
)

//go:embed shipped
var shipped embed.FS

const (
	// maxFile is how many bytes a file of policies may have. Ours have some thousand.
	maxFile = 256 << 10
	// maxFiles is how many files a city may add.
	maxFiles = 64
	// maxNesting is how deep brackets may go. The parser calls itself for each, and a
	// stack that is used up ends the process.
	maxNesting = 64
)

// File is a file of policies.
type File struct {
	Name string `json:"name"` // ends in .cedar, holds no folder
	Text string `json:"text"`
}

// Rule is one policy as it was read.
type Rule struct {
	ID        string // of @id
	File      string
	Line      int
	Reason    string // of @reason: the rule in words
	Ask       string // of @ask: whom to ask, or what to do, when this is in the way
	Otherwise string // of @otherwise: said to those whose role fits and the rest does not
	Forbids   bool
	Shipped   bool
	Text      string // as Cedar writes it

	policy     *cedar.Policy
	conditions *cedar.Policy // the same without its scope, which covers reads
	ast        *xast.Policy
}

// CharterFile is the shipped file of what no policy of a city can lift.
const CharterFile = "charter.cedar"

// Shipped returns the files that are always there, by name.
func Shipped() ([]File, error) {
	entries, err := fs.ReadDir(shipped, "shipped")
	if err != nil {
		return nil, err
	}
	var files []File
	for _, e := range entries {
		if path.Ext(e.Name()) != ".cedar" {
			continue
		}
		text, err := shipped.ReadFile("shipped/" + e.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: e.Name(), Text: string(text)})
	}
	return files, nil
}

// ReadFolder reads a city's own policies: each file in dir that ends in .cedar, by name.
// Other files are left alone. An empty dir stands for no folder.
func ReadFolder(dir string) ([]File, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.Invalid, "the folder of policies %s does not exist; make it, or leave it out of the configuration", dir)
	}
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "read the folder of policies: %w", err)
	}
	var files []File
	for _, e := range entries {
		if path.Ext(e.Name()) != ".cedar" {
			continue
		}
		name := filepath.Join(dir, e.Name())
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, city.Errorf(city.Unavailable, "read policies: %w", err)
		case !info.Mode().IsRegular():
			return nil, city.Errorf(city.Invalid, "%s is no file; put policies into files", name)
		case info.Size() > maxFile:
			return nil, city.Errorf(city.Invalid, "%s has %d bytes, more than %d; split it", name, info.Size(), maxFile)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, city.Errorf(city.Unavailable, "read policies: %w", err)
		}
		files = append(files, File{Name: e.Name(), Text: string(text)})
	}
	if len(files) > maxFiles {
		return nil, city.Errorf(city.Invalid, "%s has %d files of policies, more than %d; put several policies into one file", dir, len(files), maxFiles)
	}
	return files, nil
}

// Parse reads the policies of one file. It accepts only policies that the schema knows
// the words of, each with an @id and a @reason.
func Parse(f File) ([]Rule, error) {
	if err := checkText(f); err != nil {
		return nil, err
	}
	list, err := cedar.NewPolicyListFromBytes(f.Name, []byte(f.Text))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s:%s", f.Name, syntax(err))
	}
	v, err := validator()
	if err != nil {
		return nil, err
	}
	var rules []Rule
	for _, p := range list {
		r := Rule{
			File: f.Name, Line: p.Position().Line, Forbids: p.Effect() == cedar.Forbid,
			Text: string(p.MarshalCedar()), policy: p, ast: (*xast.Policy)(p.AST()),
		}
		where := fmt.Sprintf("%s:%d", r.File, r.Line)
		r.conditions = withoutScope(r.ast)
		for key, value := range p.Annotations() {
			if strings.TrimSpace(string(value)) == "" || strings.ContainsFunc(string(value), control) {
				return nil, city.Errorf(city.Invalid, "%s: @%s is empty or holds more than one line; write one line", where, key)
			}
			switch key {
			case "id":
				r.ID = string(value)
			case "reason":
				r.Reason = string(value)
			case "ask":
				r.Ask = string(value)
			case "otherwise":
				r.Otherwise = string(value)
			default:
				return nil, city.Errorf(city.Invalid, "%s: nobody knows @%s; a policy has @id, @reason, @ask and @otherwise", where, key)
			}
		}
		if err := city.Slug(r.ID).Check(); err != nil {
			return nil, city.Errorf(city.Invalid, "%s: @id: %w; write @id(\"a-short-name\") above it", where, err)
		}
		if r.Reason == "" {
			return nil, city.Errorf(city.Invalid, "%s: %s has no @reason; write in one sentence what it says and for whom", where, r.ID)
		}
		if err := v.Policy(r.ID, r.ast); err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %s: %s; the words are in %s (polity access policy --schema)", where, r.ID, plain(err), SchemaFile)
		}
		if err := names(p); err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %s: %w", where, r.ID, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func withoutScope(p *xast.Policy) *cedar.Policy {
	bare := *p
	bare.Principal, bare.Action, bare.Resource = xast.ScopeTypeAll{}, xast.ScopeTypeAll{}, xast.ScopeTypeAll{}
	return cedar.NewPolicyFromAST((*ast.Policy)(&bare))
}

// choosy reports whether a policy may tell purposes apart; a few that do not count too.
func (r Rule) choosy() bool {
	bare := *r.ast
	bare.Annotations = nil
	text := string(cedar.NewPolicyFromAST((*ast.Policy)(&bare)).MarshalCedar())
	return strings.Contains(strings.ReplaceAll(text, "context has purpose", ""), "purpose")
}

var fileName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}\.cedar$`)

// checkText looks at what the parser cannot be trusted with.
func checkText(f File) error {
	switch {
	case !fileName.MatchString(f.Name):
		return city.Errorf(city.Invalid, "%q is no name for a file of policies; write a-z, 0-9 and hyphens, then .cedar", f.Name)
	case len(f.Text) > maxFile:
		return city.Errorf(city.Invalid, "%s has %d bytes, more than %d; split it", f.Name, len(f.Text), maxFile)
	case !utf8.ValidString(f.Text):
		return city.Errorf(city.Invalid, "%s is not UTF-8 text", f.Name)
	}
	depth, line := 0, 1
	for i := range len(f.Text) {
		switch f.Text[i] {
		case '\n':
			line++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
		if depth > maxNesting {
			return city.Errorf(city.Invalid, "%s:%d: brackets go more than %d deep; write it plainer", f.Name, line, maxNesting)
		}
	}
	return nil
}

var exactGot = regexp.MustCompile(`exact got (\S+) want (\S+)`)

var parserSays = regexp.MustCompile(`^(?:parser error: )?parse error at <input>:(\d+):(\d+) (.*)$`)

// syntax makes "LINE:COLUMN: what" of an error of Cedar's parser.
func syntax(err error) string {
	said := plain(err)
	if m := parserSays.FindStringSubmatch(said); m != nil {
		return m[1] + ":" + m[2] + ": this is no Cedar before " + exactGot.ReplaceAllString(m[3], "$1 stands where $2 should")
	}
	return " " + strings.TrimPrefix(said, "parser error: ")
}

// concerns says whether a policy's scope names an action.
func (r Rule) concerns(a access.Action) bool {
	uid := actionUID(a)
	switch s := r.ast.Action.(type) {
	case xast.ScopeTypeEq:
		return s.Entity == uid
	case xast.ScopeTypeIn:
		return s.Entity == uid // the schema has no groups of actions
	case xast.ScopeTypeInSet:
		return slices.Contains(s.Entities, uid)
	}
	return true
}

func byName(a, b File) int { return strings.Compare(a.Name, b.Name) }
