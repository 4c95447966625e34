{#-
  Each charge is for a service of its encounter, by the service's code, and at the service's cost, or free of charge.

  `services` are the relations of services: `encounter` and `cost` are their columns with these (`code` is that of all).
  A charge for no service fails by its code; one at another cost fails by its amount.
-#}
{% test charges_a_service(model, services) %}
{{ gate_config() }}
with services as (
    {% for service in services %}
    select _submission, {{ service.encounter }} as encounter, code, {{ service.cost }} as cost
    from {{ service.of }} where _period = {{ period() }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),
charges as (
    select charge._submission, charge._row, charge.amount, count(services.code) as services,
        bool_or(abs(services.cost - charge.amount) < 0.005) as is_at_cost
    from {{ model }} as charge
    left join services
        on services._submission = charge._submission
        and services.encounter = charge.appointmentid and services.code = charge.procedurecode
    where charge._period = {{ period() }} and charge.type = 'CHARGE'
    group by 1, 2, 3
),
judged as (
    select _submission, _row, 'procedurecode' as "column", services > 0 as holds from charges
    union all
    select _submission, _row, 'amount', amount = 0 or is_at_cost from charges where services > 0 and amount is not null
)
{{ gate_result('judged') }}
{% endtest %}
