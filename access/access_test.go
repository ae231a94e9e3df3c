package access

import (
	"slices"
	"testing"
)

func TestListsNameEverythingOnce(t *testing.T) {
	actions, roles := Actions(), Roles()
	slices.Sort(actions)
	slices.Sort(roles)
	if len(slices.Compact(actions)) != len(Actions()) || len(slices.Compact(roles)) != len(Roles()) {
		t.Error("an action or a role stands twice on its list")
	}
	if Action("look").Known() || Action("").Known() || Role("admin").Known() || Role("").Known() {
		t.Error("what is not on the list is known")
	}
	for _, a := range Actions() {
		if !a.Known() {
			t.Errorf("%s is not known", a)
		}
	}
}

func TestThePublicHasNothing(t *testing.T) {
	var w Who
	if w.Kind != Public || slices.ContainsFunc(Roles(), w.Has) {
		t.Errorf("the zero Who is %+v", w)
	}
}
