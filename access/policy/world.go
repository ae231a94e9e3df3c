package policy

import (
	"github.com/cedar-policy/cedar-go"

	"polity/access"
	"polity/city"
)

// The types of entities, as the schema has them.
const (
	typeAction  cedar.EntityType = "Action"
	typeArea    cedar.EntityType = "Area"
	typeRole    cedar.EntityType = "Role"
	typePublic  cedar.EntityType = "Public"
	typePerson  cedar.EntityType = "Person"
	typeProgram cedar.EntityType = "Program"
)

func actionUID(a access.Action) cedar.EntityUID {
	return cedar.EntityUID{Type: typeAction, ID: cedar.String(a)}
}

func areaUID(a city.Slug) cedar.EntityUID {
	return cedar.EntityUID{Type: typeArea, ID: cedar.String(a)}
}

func roleUID(r access.Role) cedar.EntityUID {
	return cedar.EntityUID{Type: typeRole, ID: cedar.String(r)}
}

func cameraUID(name city.Slug) cedar.EntityUID {
	return cedar.EntityUID{Type: cedar.EntityType(access.ACamera), ID: cedar.String(name)}
}

// world is the entities of one request: who asks and what it is about. Nothing else has
// parents or attributes, so that nothing else is looked up. They are made when a
// condition asks for them first: most decisions need none.
type world struct {
	q       *question
	who, on *cedar.Entity
}

// Get implements cedar.EntityGetter, for one goroutine.
func (w *world) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch uid {
	case w.q.request.Principal:
		if w.who == nil {
			e := principal(w.q.who, w.q.do)
			w.who = &e
		}
		return *w.who, true
	case w.q.request.Resource:
		if w.on == nil {
			e := resource(w.q.on)
			w.on = &e
		}
		return *w.on, true
	}
	return cedar.Entity{}, false
}

// principalUID names the one who asks.
func principalUID(who access.Who) cedar.EntityUID {
	switch who.Kind {
	case access.Person:
		return cedar.EntityUID{Type: typePerson, ID: cedar.String(who.ID)}
	case access.Program:
		return cedar.EntityUID{Type: typeProgram, ID: cedar.String(who.ID)}
	}
	return cedar.EntityUID{Type: typePublic, ID: "public"}
}

// resourceUID names the thing.
func resourceUID(on access.Thing) cedar.EntityUID {
	if on.Kind == access.TheCity {
		return cedar.EntityUID{Type: cedar.EntityType(access.TheCity), ID: "city"}
	}
	return cedar.EntityUID{Type: cedar.EntityType(on.Kind), ID: cedar.String(on.ID)}
}

// principal is the one who asks as an entity. Roles that nobody knows give nothing.
func principal(who access.Who, do access.Action) cedar.Entity {
	switch who.Kind {
	case access.Person:
		var roles []cedar.EntityUID
		for _, r := range who.Roles {
			if r.Known() {
				roles = append(roles, roleUID(r))
			}
		}
		areas := make([]cedar.Value, len(who.Areas))
		for i, a := range who.Areas {
			areas[i] = areaUID(a)
		}
		cameras := make([]cedar.Value, len(who.Cameras))
		for i, c := range who.Cameras {
			cameras[i] = cameraUID(c)
		}
		return cedar.Entity{
			UID:     principalUID(who),
			Parents: cedar.NewEntityUIDSet(roles...),
			Attributes: cedar.NewRecord(cedar.RecordMap{
				"body": cedar.String(who.Body), "areas": cedar.NewSet(areas...),
				"cameras": cedar.NewSet(cameras...), "door": cedar.Boolean(who.Door),
			}),
		}
	case access.Program:
		scoped := false
		for _, a := range who.Scope {
			scoped = scoped || a == do
		}
		return cedar.Entity{
			UID:        principalUID(who),
			Attributes: cedar.NewRecord(cedar.RecordMap{"body": cedar.String(who.Body), "scoped": cedar.Boolean(scoped)}),
		}
	}
	return cedar.Entity{UID: principalUID(who)}
}

// resource is the thing as an entity.
func resource(on access.Thing) cedar.Entity {
	e := cedar.Entity{UID: resourceUID(on)}
	if on.Kind == access.ACamera {
		areas := make([]cedar.EntityUID, 0, 1+len(on.In))
		areas = append(areas, areaUID(access.AllAreas))
		for _, a := range on.In {
			areas = append(areas, areaUID(a))
		}
		e.Parents = cedar.NewEntityUIDSet(areas...)
	}
	return e
}
