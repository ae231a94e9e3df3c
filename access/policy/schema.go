package policy

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"polity/access"
)

// SchemaFile is the shipped schema, in Cedar's human form.
const SchemaFile = "polity.cedarschema"

// validator checks policies against the shipped schema.
var validator = sync.OnceValues(func() (*validate.Validator, error) {
	text, err := shipped.ReadFile("shipped/" + SchemaFile)
	if err != nil {
		return nil, err
	}
	var s schema.Schema
	s.SetFilename(SchemaFile)
	if err := s.UnmarshalCedar(text); err != nil {
		return nil, fmt.Errorf("%s: %w", SchemaFile, err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", SchemaFile, err)
	}
	return validate.New(resolved), nil
})

// kinds says what sort of thing each action is done to, as the schema has it.
var kinds = func() map[access.Action]access.ThingKind {
	k := map[access.Action]access.ThingKind{}
	for _, a := range access.Actions() {
		k[a] = access.TheCity
	}
	for _, a := range []access.Action{access.SeeCounts, access.LookLive, access.LookBack, access.EditLayout, access.AskFootage} {
		k[a] = access.ACamera
	}
	for _, a := range []access.Action{access.LookData, access.SeeAlerts, access.Handle, access.SeeOrders, access.GiveOrder, access.Decide, access.DoOrder} {
		k[a] = access.AService
	}
	k[access.ManagePeople] = access.APerson
	return k
}()

// KindOf is the sort of thing that an action is done to; "" of an unknown action.
func KindOf(a access.Action) access.ThingKind { return kinds[a] }

var ofPolicy = regexp.MustCompile("for policy `[^`]*`,? ?")

// plain makes one line of what Cedar's parser or validator says. Which policy it is about
// is said in front of it.
func plain(err error) string {
	return strings.TrimSpace(ofPolicy.ReplaceAllString(strings.Join(strings.Fields(err.Error()), " "), ""))
}

// Schema is the text of the shipped schema.
func Schema() string {
	text, err := shipped.ReadFile("shipped/" + SchemaFile)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}
