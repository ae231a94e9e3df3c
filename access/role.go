package access

import "slices"

// Role is what a person's task is. A person may have several; each gives what its
// policies say and nothing else.
type Role string

// The roles. The public has none.
const (
	TrafficOperator Role = "traffic-operator"
	WasteOperator   Role = "waste-operator"
	WaterOperator   Role = "water-operator"
	PowerOperator   Role = "power-operator"
	SafetyOperator  Role = "safety-operator"  // alerts of cameras and sensors, live scenes for a purpose
	EvidenceOfficer Role = "evidence-officer" // asks for footage of a case
	DataProtection  Role = "data-protection"  // data protection officer: the details of looks, policies' second person
	IT              Role = "it"               // runs the system and enrols people, sees no scene
	Auditor         Role = "auditor"          // reads every record, changes nothing
	Crew            Role = "crew"             // does work orders in the street
)

// Roles lists every role.
func Roles() []Role {
	return []Role{
		TrafficOperator, WasteOperator, WaterOperator, PowerOperator, SafetyOperator,
		EvidenceOfficer, DataProtection, IT, Auditor, Crew,
	}
}

// Known reports whether r stands on the list.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }
