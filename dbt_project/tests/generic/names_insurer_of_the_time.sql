{#-
  The payer of an encounter is one who insured the person when it began, by the `stretches` of the same submission.
  An encounter in no stretch is not looked at: people are insured from some days after their birth.
-#}
{% test names_insurer_of_the_time(model, stretches) %}
{{ gate_config() }}
with judged as (
    select encounter._submission, encounter._row, 'payer' as "column", bool_or(stretch.payer = encounter.payer) as holds
    from {{ model }} as encounter
    join {{ stretches }} as stretch
        on stretch._period = {{ period() }} and stretch._submission = encounter._submission
        and stretch.patient = encounter.patient
        and encounter.start between stretch.start_year and stretch.end_year
    where encounter._period = {{ period() }} and encounter.payer is not null
    group by 1, 2
)
{{ gate_result('judged') }}
{% endtest %}
