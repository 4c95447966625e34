"""Rules of the patient care extract: eighteen linked tables, sent together once a month, each with all that is known.

Source: Synthea, the patient generator of MITRE, Apache License 2.0, as in repository OHDSI/dbt-synthea. All people are
invented; their columns are treated as those of real ones. Columns and meanings are those of Synthea's data dictionary,
lists of values those of its CSV exporter. The rules are as strict as its data allow; where they break a rule, a
threshold says so. What links the tables is judged by dbt: dbt_project/models/gates/patient_care.yml.
"""

from .claims import Claims, ClaimsTransactions
from .encounters import Allergies, Careplans, Conditions, Encounters
from .measurements import ImagingStudies, Observations
from .payers import Payers, PayerTransitions
from .people import Organizations, Patients, Providers
from .treatment import Devices, Immunizations, Medications, Procedures, Supplies

__all__ = [
    "Allergies",
    "Careplans",
    "Claims",
    "ClaimsTransactions",
    "Conditions",
    "Devices",
    "Encounters",
    "ImagingStudies",
    "Immunizations",
    "Medications",
    "Observations",
    "Organizations",
    "Patients",
    "PayerTransitions",
    "Payers",
    "Procedures",
    "Providers",
    "Supplies",
]
