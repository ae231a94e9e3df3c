// Package plane is the city's data: entities with their attributes, and the
// history of what was observed. Store is the contract; the folders beside hold
// the backends, and planetest the one suite that each of them passes.
//
// The model is that of NGSI-LD (ETSI GS CIM 009, clause 4.2) without its syntax:
// an entity has an id that is a URI, one or more types, and attributes, each of
// which may have several instances told apart by their dataset, and attributes of
// its own (metadata).
package plane
