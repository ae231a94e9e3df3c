package demo

import (
	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console"
)

// evidence is the key of the evidence officer.
const evidence = "evidence"

// door lets whoever looks at the demo be anybody there is in a city, without a passkey.
func door() *console.Door {
	everywhere := []city.Slug{access.AllAreas}
	persona := func(key, name string, body city.Slug, areas []city.Slug, roles ...access.Role) console.Persona {
		return console.Persona{Key: key, Name: name, Rights: account.Rights{Body: body, Roles: roles, Areas: areas}}
	}
	return &console.Door{As: []console.Persona{
		persona("safety", "Aino, control room", "rescue", everywhere, access.SafetyOperator),
		persona("traffic", "Eero, traffic", "traffic", nil, access.TrafficOperator),
		persona("services", "Kaisa, water and waste", "works", nil, access.WaterOperator, access.WasteOperator),
		persona("power", "Otto, power", "power", nil, access.PowerOperator),
		persona("crew", "Crew 3", "works", nil, access.Crew),
		persona(evidence, "Sofia, police", "police", nil, access.EvidenceOfficer),
		persona("protection", "Leena, data protection", "city", nil, access.DataProtection),
		persona("auditor", "Mika, auditor", "city", nil, access.Auditor),
		persona("it", "Ville, administrator", "city", nil, access.IT),
	}}
}

// bodies are the organisations of the demo city.
func bodies() []account.Body {
	return []account.Body{
		{Name: "city", Title: "City of Helsinki (demo)"},
		{Name: "rescue", Title: "Rescue department (demo)"},
		{Name: "traffic", Title: "Traffic department (demo)"},
		{Name: "works", Title: "City works (demo)"},
		{Name: "power", Title: "Power utility (demo)"},
		{Name: "police", Title: "Police (demo)"},
	}
}
