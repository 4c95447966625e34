{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='period',
    on_schema_change='append_new_columns',
    tags=['mart', 'reads__regional_hospital_activity'],
) }}
{#-
  Built by period: a release of a day changes that day's row, the one-day change of the next day and the seven-day
  change of the day a week later, so these three are built anew. The first build takes every day.
-#}
with released as (
    select * from {{ source('published', 'regional_hospital_activity') }}
),

built as (
    select * from released
    {% if is_incremental() %}where _period in ({{ period() }}, {{ period() }} + 1, {{ period() }} + 7){% endif %}
)

select
    built._period as period,
    built.codice_regione as region_code,
    built.denominazione_regione as region_name,
    built.totale_ospedalizzati as in_hospital,
    built.terapia_intensiva as in_intensive_care,
    round(built.terapia_intensiva::numeric / nullif(built.totale_ospedalizzati, 0), 4) as intensive_care_share,
    built.totale_ospedalizzati - day_before.totale_ospedalizzati as in_hospital_change_1_day,
    built.totale_ospedalizzati - week_before.totale_ospedalizzati as in_hospital_change_7_days,
    built.terapia_intensiva - week_before.terapia_intensiva as in_intensive_care_change_7_days,
    built._submission as source_submission,
    built._row as source_row,
    week_before._submission as week_before_submission,
    week_before._row as week_before_row
from built
left join released as day_before
    on day_before.codice_regione = built.codice_regione and day_before._period = built._period - 1
left join released as week_before
    on week_before.codice_regione = built.codice_regione and week_before._period = built._period - 7
